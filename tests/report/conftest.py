"""Run directories made by hand: one that finished, one that was interrupted, one that failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftcore.protocol import write_json
from ftcore.rendering.order import plan_order
from ftcore.runs.folder import RunFolder
from tests.report.answered import ATTACK, ROWS, error_line, metrics, row_line
from tests.report.planned import ENVIRONMENT, RESOLVED, STEPS, plan, result

BEGUN = 1_764_000_000.0


@pytest.fixture
def finished_run(tmp_path: Path) -> RunFolder:
    run = make_run(tmp_path, state="finished", finished=BEGUN + 312.4)
    work(run, steps=STEPS, stages=("before", "few_shot", "train", "after", "export"))
    write_json(result(), run.file("result.json"))
    write_json(metrics(), run.file("metrics.json"))
    write_json({"micro_batches": STEPS, "planned": STEPS, "equal": True}, run.file("receipts.json"))
    write_json(
        {"recipe_fields": {f"train.field_{n}": n for n in range(13)}},
        run.file("engine_config.json"),
    )
    write_lines(run, "predictions/rows.jsonl", [row_line(number) for number in range(ROWS)])
    write_lines(run, "errors.jsonl", [error_line(number) for number in range(ROWS)])
    return run


@pytest.fixture
def interrupted_run(tmp_path: Path) -> RunFolder:
    run = make_run(tmp_path, state="interrupted", stage="train", finished=BEGUN + 95.0)
    work(run, steps=17, stages=("before", "few_shot", "train"), ended=2)
    return run


@pytest.fixture
def failed_run(tmp_path: Path) -> RunFolder:
    error = {
        "error": "OutOfMemory",
        "code": "backend.out-of-memory",
        "exit_code": 1,
        "message": f"stage before: RuntimeError: out of memory {ATTACK}",
        "hint": "lower train.batch_size",
        "problems": [],
        "details": {"log": "worker.log", "log_tail": ["loading", f"Killed {ATTACK}"]},
    }
    return make_run(tmp_path, state="failed", stage="before", finished=BEGUN + 20.0, error=error)


def make_run(folder: Path, **manifest: Any) -> RunFolder:
    """Write what exists before the worker starts: manifest, recipe, plan, environment, job."""
    run = RunFolder(folder / "ner-trl-20251124-160000-ab12")
    for part in ("stream/train", "predictions", "plots"):
        run.file(part).mkdir(parents=True)
    base = {"id": run.path.name, "recipe": "ner", "profile": "zh", "backend": "trl"}
    base |= {"model": "smollm2-135m-instruct", "seed": 42, "created": BEGUN}
    write_json(base | manifest, run.file("run.json"))
    run.file("resolved.toml").write_text(RESOLVED, encoding="utf-8")
    write_json(plan(), run.file("plan.json"))
    write_json(ENVIRONMENT, run.file("environment.json"))
    write_json({"world_size": 1, "engine_options": {}}, run.file("job.json"))
    order = plan_order(96, batch_size=4, accumulation=1, epochs=2, max_steps=None, seed=42)
    order.save(run.file("stream/order.npz"))
    np.save(run.file("stream/train/lengths.npy"), np.full(96, 50, np.int32))
    np.save(run.file("stream/train/supervised.npy"), np.full(96, 12, np.int32))
    return run


def work(run: RunFolder, *, steps: int, stages: tuple[str, ...], ended: int | None = None) -> None:
    """Write the events and receipts of the stages; only the first ``ended`` stages finished."""
    events: list[dict[str, Any]] = []
    clock = BEGUN + 10

    def emit(type: str, stage: str, **data: Any) -> None:
        events.append(
            {
                "version": 1,
                "sequence": len(events),
                "time": clock,
                "type": type,
                "stage": stage,
                "rank": 0,
                "data": data,
            }
        )

    for place, stage in enumerate(stages):
        emit("started", stage, kind="train" if stage == "train" else "generate")
        for step in range(1, steps + 1 if stage == "train" else 1):
            clock += 3.5
            emit("progress", stage, done=step, total=STEPS, unit="steps", tokens_per_second=57.0)
            emit("metric", stage, **step_metrics(step))
            if step % 12 == 0:
                emit("metric", stage, step=step, validation_loss=2.2 / step**0.4)
        clock += 21
        if ended is None or place < ended:
            emit("finished", stage, kind="x")
    emit("warning", stages[-1], message=f"merged weights differ on 1 prompt {ATTACK}")
    write_lines(run, "events.jsonl", events)
    receipt = {"version": 1, "stage": "train", "micro": 0, "rank": 0, "digest": "00"}
    write_lines(run, "receipts.jsonl", [receipt | {"step": step} for step in range(steps)])


def step_metrics(step: int) -> dict[str, Any]:
    """Return one step's losses; step 5 was not finite."""
    loss = None if step == 5 else 2.5 / step**0.5 + 0.2 * ((step * 7) % 5) / 5
    rate = 1e-3 * min(step / 4, (STEPS - step) / (STEPS - 4))
    found = {"step": step, "loss": loss, "grad_norm": 1.5 / step**0.3, "learning_rate": rate}
    return found | ({"not_finite": ["loss"]} if loss is None else {})


def write_lines(run: RunFolder, name: str, lines: list[dict[str, Any]]) -> None:
    """Write JSON lines."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    run.file(name).write_text(text, encoding="utf-8", errors="surrogatepass")
