"""Interrupted on a real engine and resumed: the same bits as if nothing had happened."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from ftcore.engine.resume import resume
from ftcore.plugins import load_plugins
from ftcore.results import read_losses
from ftcore.runs.folder import RunFolder

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
AFTER = 2
# Random numbers in every step, a schedule, and a last group that is shorter than the others.
RANDOM = (
    "data.limit=5",
    "train.max_steps=",
    "train.epochs=15.8",
    "train.lora.dropout=0.1",
    "train.neftune_alpha=5",
    "train.scheduler=cosine",
    "train.checkpoints.every_steps=1",
    "train.checkpoints.keep=2",
    "export.formats=[]",
)
# Patience that runs out after the interruption, and a best checkpoint from before it.
PATIENT = (
    "train.learning_rate=3",
    "train.scheduler=constant",
    "train.warmup_ratio=0",
    "train.max_steps=40",
    "data.split.validation=0.3",
    "train.validation.every_steps=1",
    "train.validation.patience=12",
    "train.validation.load_best=true",
    "train.checkpoints.every_steps=1",
    "train.checkpoints.keep=1",
    "data.test=[]",
    "export.formats=[]",
)
# Weights of the model itself, in checkpoints of another kind.
WHOLE = (
    'train.method="full"',
    "train.precision=bf16",
    "train.weight_decay=0.1",
    "train.max_steps=40",
    "train.checkpoints.every_steps=1",
    "data.test=[]",
    "export.formats=[]",
)

Cells = Callable[..., object]


def kill_worker(run_folder: Path) -> None:
    """End the worker as the system does when memory is short."""
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("FT_RUN_FOLDER") == str(run_folder)
        except (psutil.Error, OSError):
            continue
        if mine:
            process.kill()


def interrupt(run_folder: Path) -> None:
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def check_the_same(cell, whole) -> None:
    """Everything that the two runs hold is equal, to the bit."""
    run, other = cell.done.folder, whole.done.folder
    assert read_losses(run.path).to_dicts() == read_losses(other.path).to_dicts()
    mine, theirs = cell.weights(), whole.weights()
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    for name in ("receipts.jsonl", "receipts.json", "predictions/rows.jsonl"):
        assert run.file(name).exists() == other.file(name).exists()
        assert not run.file(name).exists() or (
            run.file(name).read_bytes() == other.file(name).read_bytes()
        )
    assert cell.engine["recipe_fields"] == whole.engine["recipe_fields"]
    assert cell.engine["optimizer"] == whole.engine["optimizer"]
    lines = run.read_lines("events.jsonl")
    assert [line["sequence"] for line in lines] == list(range(len(lines)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("overrides", "strike"),
    [(RANDOM, kill_worker), (PATIENT, interrupt), (WHOLE, kill_worker)],
    ids=["kill", "stop", "full"],
)
def test_resumed_is_as_uninterrupted(
    cells: Cells, interrupted: Cells, backend: str, overrides, strike
):
    cell = interrupted(backend, overrides, strike, after=AFTER)
    run = RunFolder(cell.folder)
    assert run.manifest().state == ("crashed" if strike is kill_worker else "interrupted")
    cell.outcome = resume(run, load_plugins(), observer=cell)
    whole = cells(backend, *overrides)
    check_the_same(cell, whole)
    (entry,) = run.manifest().resumed
    assert AFTER <= entry["from_step"] < whole.train["steps"]
    assert cell.train["best"] is None or (
        Path(cell.train["best"]).name == Path(str(whole.train["best"])).name
    )
