"""The TRL backend for real: its own environment, the embedded model, the `ner` recipe, few steps.

Needs minutes on two cores once the environment and the model are in the cache (``FT_CACHE``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from ftcore.engine.observer import Observer
from ftcore.engine.prepare import prepare
from ftcore.engine.run import Outcome, execute
from ftcore.plugins import load_plugins
from ftcore.protocol import Event
from ftcore.recipe.loading import load_recipe

pytestmark = pytest.mark.heavy

NER = Path(__file__).parents[3] / "recipes" / "ner.toml"
SMALL = (
    "data.limit=40",
    "train.batch_size=2",
    "train.accumulation=2",
    "train.max_steps=4",
    "evaluation.limit=3",
    "evaluation.few_shot=",
    "evaluation.slices=[]",
    "evaluation.generation.max_new_tokens=12",
)
NO_EVALUATION = ("data.test=[]", "export.formats=[]")


class Kept(Observer):
    """Keeps the worker's events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    def values(self, name: str) -> list[Any]:
        """Return what the metric events said of ``name``, in order."""
        return [event.data[name] for event in self.events if name in event.data]


Train = Callable[..., tuple[Outcome, Kept]]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """A function that runs the recipe with overrides on top of the small ones."""

    def train(*overrides: str) -> tuple[Outcome, Kept]:
        observer = Kept()
        loaded = load_recipe(NER, overrides=(*SMALL, *overrides))
        prepared = prepare(loaded, load_plugins(), backend="trl", notify=observer.notice)
        return execute(prepared, runs=tmp_path / "runs", observer=observer), observer

    return train


def adapter(folder: Path) -> dict[str, np.ndarray]:
    return load_file(str(folder / "adapter_model.safetensors"))


def check_guarantees(outcome: Outcome, *, steps: int, micro_batches: int) -> None:
    """Receipts, effective configuration and the adapter's shapes, as they must always be."""
    run, prepared = outcome.folder, outcome.prepared
    assert run.manifest().state == "finished"
    assert outcome.result.stages["train"]["steps"] == steps
    assert run.read_json("receipts.json")["micro_batches"] == micro_batches
    due = list(prepared.stream.expected_receipts(prepared.order))[:micro_batches]
    written = run.read_lines("receipts.jsonl")
    assert [(r["step"], r["micro"], r["rank"], r["digest"]) for r in written] == due
    fields = run.read_json("engine_config.json")["recipe_fields"]
    assert fields["train.learning_rate"] == prepared.settings.learning_rate
    assert fields["trainable_parameters"] == prepared.settings.trainable_parameters
    start, end = adapter(run.file("initial_adapter")), adapter(run.file("adapter"))
    assert {name: a.shape for name, a in start.items()} == {n: a.shape for n, a in end.items()}
    assert sum(a.size for a in end.values()) == prepared.settings.trainable_parameters
    assert all(np.isfinite(a).all() for a in end.values())
    assert any(np.any(a) for name, a in end.items() if "lora_B" in name)


def test_four_steps_with_all_stages(train: Train):
    outcome, kept = train("export.verify=2")
    check_guarantees(outcome, steps=4, micro_batches=8)
    assert len(kept.values("loss")) == 4
    assert max(kept.values("learning_rate")) == pytest.approx(1e-3)
    stages = outcome.result.stages
    assert stages["process"]["peak_memory_mib"] > 500
    assert stages["train"]["seconds"] > 0
    assert [stages[name]["rows"] for name in ("after",)] == [3]
    # The adapter was loaded for the answers after, and its answers are the merged model's.
    verified = stages["export"]["merged"]["verified_prompts"]
    assert verified["compared"] == 2
    if outcome.prepared.facts.dtype == "float32":
        assert verified["equal"] == 2
    merged = outcome.folder.file("exports") / "merged"
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (merged / name).exists()
    packages = outcome.result.versions
    assert {"torch", "transformers", "peft", "trl"} <= set(packages)


def test_the_engines_own_loss(train: Train):
    outcome, kept = train('train.loss="engine"', "train.max_steps=2", *NO_EVALUATION)
    check_guarantees(outcome, steps=2, micro_batches=4)
    assert outcome.folder.read_json("engine_config.json")["loss"] == "engine"
    assert all(0 < loss < 10 for loss in kept.values("loss"))


def test_validation_patience_and_the_best_checkpoint(train: Train):
    """The rate is absurd, so that every step after the second makes it worse."""
    outcome, kept = train(
        "data.split.validation=0.03",
        "train.learning_rate=0.3",
        "train.scheduler=constant",
        "train.warmup_ratio=0",
        "train.max_steps=20",
        "train.validation.every_steps=2",
        "train.validation.patience=1",
        "train.validation.load_best=true",
        "train.checkpoints.every_steps=2",
        "train.checkpoints.keep=1",
        *NO_EVALUATION,
    )
    losses = kept.values("validation_loss")
    result = outcome.result.stages["train"]
    steps = result["steps"]
    assert steps == 2 * len(losses) < 20
    assert losses[-1] >= min(losses[:-1])
    check_guarantees(outcome, steps=steps, micro_batches=2 * steps)
    best = 2 * (losses.index(min(losses)) + 1)
    assert Path(result["best"]).name == f"checkpoint-{best}"
    # The adapter is the best one, which is kept besides the newest.
    ended, kept_best = adapter(outcome.folder.file("adapter")), adapter(Path(result["best"]))
    assert all(np.array_equal(ended[name], kept_best[name]) for name in ended)
    names = {path.name for path in outcome.folder.file("checkpoints").glob("checkpoint-*")}
    assert names == {f"checkpoint-{best}", f"checkpoint-{steps}"}


def test_lora_plus_trains_with_two_rates(train: Train):
    outcome, _ = train(
        "train.lora.plus_ratio=16", "train.max_steps=2", "train.weight_decay=0.01", *NO_EVALUATION
    )
    check_guarantees(outcome, steps=2, micro_batches=4)
    optimizer = outcome.folder.read_json("engine_config.json")["optimizer"]
    rate = outcome.prepared.settings.learning_rate
    for name, group in optimizer.items():
        wanted = 16 * rate if "lora_B" in name else rate
        assert group["initial_lr"] == pytest.approx(wanted), name
        assert group["weight_decay"] == pytest.approx(0.01), name
    assert len(optimizer) == len(adapter(outcome.folder.file("adapter")))


def test_dora_trains_its_magnitudes_too(train: Train):
    outcome, _ = train(
        "train.lora.dora=true",
        'train.lora.targets=["q_proj"]',
        "train.max_steps=2",
        *NO_EVALUATION,
    )
    start, end = (adapter(outcome.folder.file(name)) for name in ("initial_adapter", "adapter"))
    magnitudes = {name for name in end if "magnitude" in name}
    assert set(end) - set(start) == magnitudes
    assert len(magnitudes) == outcome.prepared.facts.layers
    assert sum(a.size for a in end.values()) == outcome.prepared.settings.trainable_parameters
    assert outcome.folder.read_json("receipts.json")["equal"]


def test_a_partial_last_group(train: Train):
    """Five rows in pairs, two pairs a step: the last step has one micro-batch of one row."""
    outcome, kept = train("data.limit=5", "train.max_steps=", "train.epochs=1", *NO_EVALUATION)
    assert np.diff(outcome.prepared.order.offsets).tolist() == [2, 2, 1]
    check_guarantees(outcome, steps=2, micro_batches=3)
    assert len(kept.values("loss")) == 2
