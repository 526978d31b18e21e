"""One recipe on every backend, without randomness that engines differ in: how far apart are they?

    python benchmarks/parity.py --steps 30
    python benchmarks/parity.py --recipe recipes/nl2sql.toml --set train.lora.dora=true

Prints, for each pair of backends, the largest differences of per-step loss, gradient norm and final
adapter, and whether trainable parameters, learning rates, steps and the optimizer's settings of
every parameter are equal. Exits 1 unless all of it is equal to the bit.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ftcore.engine.observer import Observer
from ftcore.engine.prepare import prepare
from ftcore.engine.run import execute
from ftcore.plugins import load_plugins
from ftcore.recipe.loading import load_recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "ner.toml"
SAME = (
    "train.precision=fp32",
    "train.lora.dropout=0",
    "train.batch_size=2",
    "train.accumulation=2",
    "launch.threads=1",
    "data.test=[]",
    "export.formats=[]",
)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run left that can be compared; curves have one value a step."""

    backend: str
    steps: int
    trainable: int
    curves: dict[str, list[float]]
    adapter: dict[str, NDArray[Any]]
    optimizer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two runs are apart: the largest differences, and what is not equal at all."""

    pair: str
    largest: dict[str, float]
    unequal: list[str]

    @property
    def none(self) -> bool:
        """Whether the two are the same to the bit."""
        return not self.unequal and not any(self.largest.values())


def train(backend: str, recipe: Path, overrides: Sequence[str], runs: Path) -> Trained:
    """Run ``recipe`` on ``backend`` and read back what it left."""
    loaded = load_recipe(recipe, overrides=overrides)
    quiet = Observer()
    prepared = prepare(loaded, load_plugins(), backend=backend, notify=quiet.notice)
    return read_run(execute(prepared, runs=runs, observer=quiet).folder.path, backend)


def read_run(run: Path, backend: str) -> Trained:
    """Read the curves, the adapter and the optimizer's settings of a finished run."""
    lines = (run / "events.jsonl").read_text("utf-8").splitlines()
    points = [event["data"] for event in map(json.loads, lines) if event["type"] == "metric"]
    names = ("loss", "grad_norm", "learning_rate", "validation_loss")
    engine = json.loads((run / "engine_config.json").read_text("utf-8"))
    result = json.loads((run / "result.json").read_text("utf-8"))
    return Trained(
        backend=backend,
        steps=result["stages"]["train"]["steps"],
        trainable=engine["recipe_fields"]["trainable_parameters"],
        curves={name: [p[name] for p in points if p.get(name) is not None] for name in names},
        adapter=load_file(run / "adapter" / "adapter_model.safetensors"),
        optimizer=engine["optimizer"],
    )


def difference(one: Trained, other: Trained) -> Difference:
    """Compare two runs."""
    unequal = [
        name
        for name, (mine, theirs) in {
            "steps": (one.steps, other.steps),
            "trainable parameters": (one.trainable, other.trainable),
            "learning rates": (one.curves["learning_rate"], other.curves["learning_rate"]),
            "optimizer": (one.optimizer, other.optimizer),
            "adapter tensors": (one.adapter.keys(), other.adapter.keys()),
            **{
                f"length of {name}": (len(one.curves[name]), len(other.curves[name]))
                for name in one.curves
            },
        }.items()
        if mine != theirs
    ]
    largest = {
        name: max((abs(a - b) for a, b in zip(one.curves[name], other.curves[name], strict=False)))
        for name in ("loss", "grad_norm", "validation_loss")
        if one.curves[name] and other.curves[name]
    }
    shared = one.adapter.keys() & other.adapter.keys()
    largest["adapter"] = max(
        float(np.abs(one.adapter[name] - other.adapter[name]).max()) for name in shared
    )
    return Difference(f"{one.backend} / {other.backend}", largest, unequal)


def main() -> int:
    """Train on every backend asked for and compare them pair by pair."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--backends", nargs="+", default=["trl", "swift", "llamafactory"])
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    arguments = parser.parse_args()
    overrides = [*SAME, f"train.max_steps={arguments.steps}", *arguments.overrides]
    trained = []
    with tempfile.TemporaryDirectory(prefix="ft-parity-") as runs:
        for backend in arguments.backends:
            trained.append(train(backend, arguments.recipe, overrides, Path(runs)))
            last = trained[-1]
            print(
                f"{backend}: {last.steps} steps, {last.trainable:,} trainable parameters, "
                f"loss {last.curves['loss'][0]:.9f} -> {last.curves['loss'][-1]:.9f}",
                flush=True,
            )
    pairs = [difference(one, other) for one, other in itertools.combinations(trained, 2)]
    for pair in pairs:
        largest = ", ".join(f"{name} {value:.3g}" for name, value in pair.largest.items())
        print(f"{pair.pair}: largest differences: {largest}; unequal: {pair.unequal or 'nothing'}")
    same = all(pair.none for pair in pairs)
    print("the same to the bit" if same else "NOT the same")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
