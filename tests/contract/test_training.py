"""The same recipes on every engine: each keeps its promises, and all of them train alike.

The engines are the real ones, in environments of their own (``FT_CACHE``); the model is tiny, so
that a run is little more than its imports.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
PLAIN = ("data.test=[]", "export.formats=[]")
# What is trained, and how: everything here is the same to the bit on every engine.
METHODS = {
    "lora": (),
    "rslora": ("train.lora.rslora=true", "train.scheduler=cosine"),
    "dora": ("train.lora.dora=true", "train.weight_decay=0.1"),
    "lora-plus": ("train.lora.plus_ratio=16", "train.weight_decay=0.1"),
    "attention-only": ('train.lora.targets=["v_proj","q_proj"]', "train.scheduler=constant"),
    "checkpointing": ("train.gradient_checkpointing=true", "train.max_grad_norm=0.1"),
    "bf16": ("train.precision=bf16",),
    "full": ('train.method="full"', "train.weight_decay=0.1", "train.precision=bf16"),
    "freeze": ('train.method="freeze"', "train.freeze.last_layers=1", "train.weight_decay=0.1"),
    "neftune": ("train.neftune_alpha=5", "train.lora.dropout=0.1"),
    "a partial last group": ("data.limit=5", "train.max_steps=", "train.epochs=1"),
}
VALIDATION = (
    # The rate is absurd, so that validation soon gets worse.
    "train.learning_rate=3",
    "train.scheduler=constant",
    "train.warmup_ratio=0",
    "train.max_steps=20",
    "data.split.validation=0.3",
    "train.validation.every_steps=2",
    "train.validation.patience=2",
    "train.validation.load_best=true",
    "train.checkpoints.every_steps=2",
    "train.checkpoints.keep=1",
)

Cells = Callable[..., object]


def check_guarantees(cell) -> None:
    """Receipts, effective configuration and the adapter's shapes, as they must always be."""
    run, prepared = cell.done.folder, cell.done.prepared
    assert run.manifest().state == "finished"
    steps = cell.train["steps"]
    expected = [r for r in prepared.stream.expected_receipts(prepared.order) if r[0] < steps]
    written = run.read_lines("receipts.jsonl")
    assert [(r["step"], r["micro"], r["rank"], r["digest"]) for r in written] == expected
    assert len(cell.values("loss")) == len(cell.values("learning_rate")) == steps
    end = cell.weights()
    assert all(np.isfinite(a).all() for a in end.values())
    assert set(cell.engine["optimizer"]) == (
        trained_tensors(cell, end) if prepared.settings.trained else adapter_tensors(cell, end)
    )


def adapter_tensors(cell, end) -> set[str]:
    """Check a trained adapter; return the names of its parameters in the engine."""
    start = cell.weights("initial_adapter")
    assert start.keys() <= end.keys()
    assert sum(a.size for a in end.values()) == cell.done.prepared.settings.trainable_parameters
    assert any(np.any(a) for name, a in end.items() if "lora_B" in name)
    return {
        re.sub(r"(lora_magnitude_vector$|(?<=lora_[AB])\.weight$)", _in_engine, name)
        for name in end
    }


def _in_engine(match: re.Match[str]) -> str:
    return "lora_magnitude_vector.default.weight" if "vector" in match[0] else ".default.weight"


def trained_tensors(cell, end) -> set[str]:
    """Check a model that was trained in place; return the names of what changed."""
    prepared = cell.done.prepared
    start = load_file(str(prepared.model.folder / "model.safetensors"))
    assert {name: a.shape for name, a in start.items()} == {n: a.shape for n, a in end.items()}
    changed = {name for name in start if not np.array_equal(start[name], end[name])}
    assert all(name.startswith(tuple(prepared.settings.trained)) for name in changed)
    assert sum(end[name].size for name in changed) == prepared.settings.trainable_parameters
    return changed


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_method(cells: Cells, backend: str, method: str):
    check_guarantees(cells(backend, *METHODS[method], *PLAIN))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(BACKENDS, 2)))
def test_engines_train_the_same_to_the_bit(cells: Cells, one: str, other: str, method: str):
    a, b = (cells(backend, *METHODS[method], *PLAIN) for backend in (one, other))
    for name in ("loss", "grad_norm", "learning_rate"):
        assert a.values(name) == b.values(name), name
    assert a.engine["optimizer"] == b.engine["optimizer"]
    assert a.engine["recipe_fields"] == b.engine["recipe_fields"]
    mine, theirs = a.weights(), b.weights()
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_all_stages(cells: Cells, backend: str, method: str):
    whole = ('train.method="full"', 'export.formats=["merged"]')
    cell = cells(backend, *(whole if method == "full" else ()))
    check_guarantees(cell)
    stages = cell.done.result.stages
    assert stages["after"]["rows"] == 3
    # The adapter was loaded for the answers after, and its answers are the merged model's.
    assert stages["export"]["merged"]["verified_prompts"] == {"compared": 2, "equal": 2}
    assert {path.name for path in (cell.done.folder.file("exports") / "merged").iterdir()} >= {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_validation_patience_and_the_best_checkpoint(cells: Cells, backend: str):
    cell = cells(backend, *VALIDATION, *PLAIN)
    check_guarantees(cell)
    losses, steps = cell.values("validation_loss"), cell.train["steps"]
    assert steps == 2 * len(losses) < 20
    assert min(losses[-2:]) >= min(losses[:-2])
    best = 2 * (losses.index(min(losses)) + 1)
    assert Path(cell.train["best"]).name == f"checkpoint-{best}"
    # The adapter is the best one, which is kept besides the newest.
    ended, kept = cell.weights(), cell.weights(cell.train["best"])
    assert all(np.array_equal(ended[name], kept[name]) for name in ended)
    checkpoints = cell.done.folder.file("checkpoints").glob("checkpoint-*")
    assert {path.name for path in checkpoints} == {f"checkpoint-{best}", f"checkpoint-{steps}"}


def test_engines_validate_and_stop_alike(cells: Cells):
    found = [cells(backend, *VALIDATION, *PLAIN) for backend in BACKENDS]
    assert len({tuple(cell.values("validation_loss")) for cell in found}) == 1
    assert len({cell.train["steps"] for cell in found}) == 1


@pytest.mark.parametrize("backend", ["trl", "swift"])
def test_an_engines_own_loss(cells: Cells, backend: str):
    own = cells(backend, 'train.loss="engine"', *PLAIN)
    check_guarantees(own)
    assert own.engine["loss"] == "engine"
    standard = cells(backend, *PLAIN).values("loss")
    assert own.values("loss") == pytest.approx(standard, rel=1e-3)
