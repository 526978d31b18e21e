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
# What the other engines have no way to train.
ONLY_TRL = ("prompt tuning", "prefix tuning")
PLAIN = ("data.test=[]", "export.formats=[]")
# Eight steps on the same four rows.
EIGHT = ("data.limit=4", "train.max_steps=8", "data.test=[]")
MERGED = (*EIGHT, 'export.formats=["merged"]')
TOKENS = ("data.limit=4", "train.max_steps=8", "evaluation.before=false", "export.formats=[]")
QUANTIZED = ("data.limit=4", "train.max_steps=8", 'export.formats=["merged"]')
# What is trained, and how: everything here is the same to the bit on every engine.
METHODS = {
    "lora": MERGED,
    "rslora": (*MERGED, "train.lora.rslora=true", "train.scheduler=cosine"),
    "dora": (*MERGED, "train.lora.dora=true", "train.weight_decay=0.1"),
    "lora-plus": (
        *MERGED,
        "train.lora.plus_ratio=16",
        "train.weight_decay=0.1",
        "train.min_lr_ratio=0.2",
    ),
    "pissa": (*MERGED, "train.lora.init=pissa", "train.lora.rank=4"),
    "attention-only": (
        *MERGED,
        'train.lora.targets=["v_proj","q_proj"]',
        "train.scheduler=constant",
    ),
    "ia3": (*MERGED, "train.method=ia3", "train.learning_rate=0.1"),
    "prompt tuning": (*TOKENS, "train.method=prompt_tuning", "train.prompt.virtual_tokens=3"),
    "prefix tuning": (*TOKENS, "train.method=prefix_tuning", "train.learning_rate=0.1"),
    "checkpointing": (*MERGED, "train.gradient_checkpointing=true", "train.max_grad_norm=0.1"),
    "bf16": (*MERGED, "train.precision=bf16"),
    "4bit": (*QUANTIZED, "model.quantization=4bit"),
    "8bit": (*QUANTIZED, "model.quantization=8bit"),
    "4bit and bf16": (*MERGED, "model.quantization=4bit", "train.precision=bf16"),
    "full": (
        *MERGED,
        'train.method="full"',
        "train.weight_decay=0.1",
        "train.precision=bf16",
        "train.scheduler=cosine",
        "train.min_lr_ratio=0.1",
    ),
    "freeze": (
        *MERGED,
        'train.method="freeze"',
        "train.freeze.last_layers=1",
        "train.weight_decay=0.1",
    ),
    "adafactor": (*MERGED, "train.optimizer=adafactor", "train.weight_decay=0.1"),
    "sgd": (*MERGED, "train.optimizer=sgd", "train.learning_rate=10", "train.weight_decay=1e-3"),
    "neftune": (*MERGED, "train.neftune_alpha=5", "train.lora.dropout=0.1"),
    "a partial last group": (*PLAIN, "data.limit=5", "train.max_steps=", "train.epochs=1"),
}
CELLS = [
    (backend, method)
    for method in METHODS
    for backend in (("trl",) if method in ONLY_TRL else BACKENDS)
]
PAIRS = [
    (one, other, method)
    for method in METHODS
    for one, other in itertools.combinations(BACKENDS, 2)
    if method not in ONLY_TRL
]
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
    start, settings = cell.weights("initial_adapter"), cell.done.prepared.settings
    assert start.keys() <= end.keys()
    assert any(not np.array_equal(start[name], end[name]) for name in start)
    # An adapter that was taken out of the base ends as one for the whole base, of twice the rank.
    twice = 2 if settings.lora.init == "pissa" else 1
    assert sum(a.size for a in end.values()) == twice * settings.trainable_parameters
    return {in_engine(name) for name in end}


def in_engine(name: str) -> str:
    """Return the parameter that PEFT has for a tensor of an adapter's file."""
    if name == "prompt_embeddings":
        return "prompt_encoder.default.embedding.weight"
    name = re.sub(r"(?<=lora_[AB])\.weight$", ".default.weight", name)
    name = re.sub(r"(?<=lora_magnitude_vector)$", ".default.weight", name)
    return re.sub(r"(?<=ia3_l)$", ".default", name)


def trained_tensors(cell, end) -> set[str]:
    """Check a model that was trained in place; return the names of what changed."""
    prepared = cell.done.prepared
    start = load_file(str(prepared.model.folder / "model.safetensors"))
    assert {name: a.shape for name, a in start.items()} == {n: a.shape for n, a in end.items()}
    changed = {name for name in start if not np.array_equal(start[name], end[name])}
    assert all(name.startswith(tuple(prepared.settings.trained)) for name in changed)
    assert sum(end[name].size for name in changed) == prepared.settings.trainable_parameters
    return changed


@pytest.mark.parametrize(("backend", "method"), CELLS)
def test_a_method(cells: Cells, backend: str, method: str):
    """It trains, learns a fixed batch, loads again, and merged weights answer as it does."""
    cell = cells(backend, *METHODS[method])
    check_guarantees(cell)
    losses, stages = cell.values("loss"), cell.done.result.stages
    if method != "a partial last group":
        assert len(losses) == 8
        assert losses[-1] < losses[0]
    if "export" in stages:
        assert stages["export"]["merged"]["verified_prompts"] == {"compared": 2, "equal": 2}
    else:
        assert "after" not in stages or stages["after"]["rows"] == 3


@pytest.mark.parametrize(("one", "other", "method"), PAIRS)
def test_engines_train_the_same_to_the_bit(cells: Cells, one: str, other: str, method: str):
    a, b = (cells(backend, *METHODS[method]) for backend in (one, other))
    for name in ("loss", "grad_norm", "learning_rate"):
        assert a.values(name) == b.values(name), name
    assert a.engine["optimizer"] == b.engine["optimizer"]
    assert a.engine["recipe_fields"] == b.engine["recipe_fields"]
    mine, theirs = a.weights(), b.weights()
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_engines_answer_alike(cells: Cells):
    """In bfloat16 the last bits decide between near ties, so they must be the same ones."""
    asked = ("train.precision=bf16", "evaluation.generation.max_new_tokens=32", "export.formats=[]")
    found = [cells(backend, *asked).done.folder for backend in BACKENDS]
    for stage in ("before", "after"):
        lines = [run.read_lines(f"predictions/{stage}.jsonl") for run in found]
        answers = [{line["row_id"]: line["token_ids"] for line in given} for given in lines]
        assert answers[0] == answers[1] == answers[2], stage


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


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_adapter_out_of_the_weights_starts_as_the_base_model(cells: Cells, backend: str):
    """PiSSA's first loss is the base model's, as that of plain LoRA is."""
    plain, pissa = (cells(backend, *METHODS[name]).values("loss")[0] for name in ("lora", "pissa"))
    assert pissa == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_engines_own_option(cells: Cells, backend: str):
    """It reaches the engine, changes nothing else, and the run says that it did."""
    cell = cells(backend, f"backend.{backend}.torch_empty_cache_steps=2", *PLAIN)
    check_guarantees(cell)
    assert cell.engine["arguments"]["torch_empty_cache_steps"] == 2
    run = cell.done.folder
    assert run.read_json("job.json")["engine_options"] == {"torch_empty_cache_steps": 2}
    assert run.read_json("plan.json")["engine_options"] == {"torch_empty_cache_steps": 2}
    report = run.file("report.md").read_text("utf-8")
    assert "torch_empty_cache_steps = 2" in report
    assert "outside the guarantee" in report.lower()
