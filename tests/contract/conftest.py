"""Real training of a tiny model on real engines, each combination once a session."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ftcore.engine.observer import Observer
from ftcore.engine.prepare import prepare
from ftcore.engine.run import Outcome, execute
from ftcore.errors import WorkerCrashed
from ftcore.launcher import Stopped
from ftcore.plugins import load_plugins
from ftcore.protocol import Event
from ftcore.recipe.loading import load_recipe

LANDS = ["France", "Italy", "Spain", "Japan", "Peru", "Egypt", "Cuba", "Kenya", "中国", "Norway"]
RECIPE = """
name = "tiny"

[model]
id = "{model}"

[data]
train = "train.jsonl"
test = "test.jsonl"
format = "prompt_completion"

[train]
max_steps = 4
batch_size = 2
accumulation = 2
learning_rate = 1e-2
warmup_ratio = 0.25

[evaluation]
metrics = ["exact_match"]
resamples = 20

[evaluation.generation]
max_new_tokens = 4

[export]
formats = ["adapter", "merged"]
verify = 2

[launch]
device = "cpu"
threads = 1
"""


@dataclass
class Cell(Observer):
    """One finished run of a backend, with the events that it sent."""

    events: list[Event] = field(default_factory=list)
    outcome: Outcome | None = None

    def event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def done(self) -> Outcome:
        """The run's outcome."""
        assert self.outcome is not None
        return self.outcome

    @property
    def train(self) -> dict[str, Any]:
        """What the training stage made."""
        return self.done.result.stages["train"]

    @property
    def engine(self) -> dict[str, Any]:
        """The engine's effective configuration."""
        found: dict[str, Any] = self.done.folder.read_json("engine_config.json")
        return found

    def values(self, name: str) -> list[Any]:
        """Return what the metric events said of ``name``, in order."""
        return [event.data[name] for event in self.events if name in event.data]

    def weights(self, name: str = "adapter") -> dict[str, NDArray[Any]]:
        """Return the tensors of an adapter's or a model's folder of the run."""
        (path,) = (self.done.folder.path / name).glob("*.safetensors")
        found: dict[str, NDArray[Any]] = load_file(str(path))
        return found


@dataclass
class Interrupted(Cell):
    """A run that ``strike`` ends, called with its folder when the step ``after`` was saved."""

    folder: Path = Path()
    after: int = 0
    strike: Callable[[Path], None] | None = None

    def started(self, run_folder: str) -> None:
        self.folder = Path(run_folder)

    def event(self, event: Event) -> None:
        super().event(event)
        if self.strike and event.type == "checkpoint" and event.data["step"] == self.after:
            strike, self.strike = self.strike, None
            strike(self.folder)


Cells = Callable[..., Cell]


@pytest.fixture
def make_cell() -> type[Cell]:
    """The observer that keeps a run's events."""
    return Cell


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The tiny recipe in a folder with its rows."""
    folder = tmp_path_factory.mktemp("cells")
    (folder / "tiny.toml").write_text(RECIPE.format(model=tiny_model), encoding="utf-8")
    rows = [{"prompt": f"Which capital has {land}?", "completion": f"{land}!"} for land in LANDS]
    for name, part in (("train.jsonl", rows), ("test.jsonl", rows[:3])):
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in part]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    return folder / "tiny.toml"


def wide_enough(overrides: Sequence[str], wide_model: Path) -> tuple[str, ...]:
    """Return the overrides with the wider model where weights are quantised."""
    quantized = any(override.startswith("model.quantization") for override in overrides)
    return (*overrides, f"model.id={wide_model}") if quantized else tuple(overrides)


@pytest.fixture(scope="session")
def cells(tiny_recipe: Path, wide_model: Path) -> Cells:
    """A function that runs the tiny recipe on a backend; the same overrides run once."""
    kept: dict[tuple[str, ...], Cell] = {}
    runs = tiny_recipe.parent / "runs"

    def run(backend: str, *overrides: str) -> Cell:
        key = (backend, *sorted(overrides))
        if key not in kept:
            cell = Cell()
            loaded = load_recipe(tiny_recipe, overrides=wide_enough(overrides, wide_model))
            prepared = prepare(loaded, load_plugins(), backend=backend, notify=cell.notice)
            cell.outcome = execute(prepared, runs=runs, observer=cell)
            kept[key] = cell
        return kept[key]

    return run


@pytest.fixture
def interrupted(tiny_recipe: Path, wide_model: Path) -> Cells:
    """A function that runs the tiny recipe on a backend until it is struck."""

    def run(
        backend: str, overrides: Sequence[str], strike: Callable[[Path], None], *, after: int
    ) -> Cell:
        cell = Interrupted(after=after, strike=strike)
        loaded = load_recipe(tiny_recipe, overrides=wide_enough(overrides, wide_model))
        prepared = prepare(loaded, load_plugins(), backend=backend, notify=cell.notice)
        with pytest.raises((Stopped, WorkerCrashed)):
            execute(prepared, runs=tiny_recipe.parent / "runs", observer=cell)
        return cell

    return run
