"""Methods whose adapter or optimizer is not LoRA's, interrupted and resumed: the same bits."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from ftcore.engine.resume import resume
from ftcore.plugins import load_plugins
from ftcore.runs.folder import RunFolder

pytestmark = pytest.mark.heavy

ENGINES = ("trl", "swift", "llamafactory")
AFTER = 2
# Long enough that it is not over before it is struck.
COMMON = (
    "train.max_steps=40",
    "train.checkpoints.every_steps=1",
    "data.test=[]",
    "export.formats=[]",
)
METHODS = {
    "pissa": (ENGINES, ("train.lora.init=pissa", "train.lora.rank=4")),
    "4bit": (ENGINES, ("model.quantization=4bit",)),
    "ia3": (ENGINES, ("train.method=ia3",)),
    "adafactor": (("trl",), ("train.optimizer=adafactor", "train.min_lr_ratio=0.1")),
    "prompt": (("trl",), ("train.method=prompt_tuning",)),
    "prefix": (("trl",), ("train.method=prefix_tuning",)),
}
CELLS = [(backend, method) for method, (backends, _) in METHODS.items() for backend in backends]


@pytest.mark.parametrize(("backend", "method"), CELLS)
def test_resumed_is_as_uninterrupted(cells, interrupted, backend: str, method: str):
    overrides = (*COMMON, *METHODS[method][1])
    cell = interrupted(
        backend, overrides, lambda _: os.kill(os.getpid(), signal.SIGINT), after=AFTER
    )
    run = RunFolder(cell.folder)
    assert run.manifest().state == "interrupted"
    cell.outcome = resume(run, load_plugins(), observer=cell)
    whole = cells(backend, *overrides)
    assert AFTER <= run.manifest().resumed[0]["from_step"] < whole.train["steps"]
    mine, theirs = cell.weights(), whole.weights()
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
