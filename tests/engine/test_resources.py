from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ftcore.engine.resources import generation_figures, validation_figures
from ftcore.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def write_events(run: RunFolder, *events: tuple[str, str | None, dict[str, Any]]) -> None:
    lines = [json.dumps({"type": t, "stage": stage, "data": data}) for t, stage, data in events]
    run.file("events.jsonl").write_text("".join(line + "\n" for line in lines))


def test_generation_figures_are_of_the_answers_given_now(run: RunFolder) -> None:
    stages = {
        "before": {"rows": 10, "reused": 10, "tokens": 0, "seconds": 0.0},
        "after": {"rows": 10, "reused": 2, "tokens": 400, "seconds": 4.0, "predictions": "x"},
        "train": {"steps": 3, "seconds": 9.0},
    }
    run.file("result.json").write_text(json.dumps({"stages": stages}))
    write_events(
        run,
        ("finished", "after", {"peak_memory_mib": 812.5}),
        ("finished", None, {"peak_memory_mib": 1.0}),
    )
    found = generation_figures(run)
    assert list(found) == ["before", "after"]
    assert found["after"] == {
        "rows": 10,
        "reused": 2,
        "tokens": 400,
        "tokens_per_second": 100.0,
        "seconds_per_answer": 0.5,
        "peak_memory_mib": 812.5,
    }
    assert found["before"]["tokens_per_second"] is None
    assert found["before"]["peak_memory_mib"] is None


def test_a_run_without_a_worker_has_none(run: RunFolder) -> None:
    assert generation_figures(run) == {}
    assert validation_figures(run) is None


def test_validation_loss_and_perplexity(run: RunFolder) -> None:
    losses = [(10, 1.5), (20, 0.5), (30, 0.75), (40, None)]
    write_events(
        run,
        ("metric", "train", {"step": 5, "loss": 3.0}),
        *(("metric", "train", {"step": s, "validation_loss": loss}) for s, loss in losses),
    )
    found = validation_figures(run)
    assert found is not None
    assert found["best"] == {"loss": 0.5, "perplexity": math.exp(0.5), "step": 20}
    assert found["last"]["step"] == 30


def test_a_loss_beyond_all_measure_has_no_perplexity(run: RunFolder) -> None:
    write_events(run, ("metric", "train", {"step": 1, "validation_loss": 1e6}))
    found = validation_figures(run)
    assert found is not None
    assert found["last"]["perplexity"] is None
