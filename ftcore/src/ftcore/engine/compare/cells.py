"""The runs of a comparison, one a variant and seed: which are there, which are to be done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.engine.compare.choices import Asked, Choice, choices
from ftcore.engine.nodes import require_one_machine
from ftcore.engine.observer import Observer
from ftcore.engine.opening import open_recipe
from ftcore.engine.prepare import Prepared, prepare
from ftcore.engine.same import environment_changes, plan_changes
from ftcore.environments.environment import Environment
from ftcore.errors import RunNotFound, UnsupportedError
from ftcore.plugins import Plugins
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.resolved import recipe_toml
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import list_runs

GOES_ON = ("interrupted", "crashed")


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a comparison: a variant with a seed.

    ``refused`` says why it cannot be run here. ``finished`` and ``unfinished`` are stored runs of
    the same recipe, backend, seed, rows and model, newest first; whether their environment is
    the same too is seen when it is known.
    """

    choice: Choice
    seed: int
    loaded: LoadedRecipe
    finished: tuple[RunFolder, ...] = ()
    unfinished: tuple[RunFolder, ...] = ()
    seconds: float = 0.0
    refused: str | None = None

    @property
    def name(self) -> str:
        """The variant and the seed."""
        return f"{self.choice.name}, seed {self.seed}"

    @property
    def backend(self) -> str:
        """The backend that trains it."""
        return self.loaded.recipe.default_backend

    @property
    def processes(self) -> int:
        """How many processes train it."""
        return self.loaded.recipe.launch.processes


def plan_cells(
    asked: Asked, plugins: Plugins, runs: Path, observer: Observer, *, offline: bool
) -> list[Cell]:
    """Return every cell, seed by seed, so that all variants have their first runs early.

    Recipes are read and rows rendered; nothing is trained. What a backend or this machine cannot
    do is noted in its cell; any other mistake raises.
    """
    stored = StoredRuns(runs)
    cells = []
    for choice in choices(asked):
        for seed in seeds_of(asked, choice, plugins):
            cells.append(plan_cell(choice, seed, plugins, stored, observer, offline=offline))
    ranks: dict[str, int] = {}
    places = []
    for cell in cells:
        ranks[cell.choice.name] = ranks.get(cell.choice.name, -1) + 1
        places.append(ranks[cell.choice.name])
    return [cell for _, cell in sorted(zip(places, cells, strict=True), key=lambda item: item[0])]


def seeds_of(asked: Asked, choice: Choice, plugins: Plugins) -> tuple[int, ...]:
    """Return the seeds of a variant: those given, or so many from its recipe's own on."""
    if not isinstance(asked.seeds, int):
        return tuple(dict.fromkeys(asked.seeds))
    first = open_recipe(choice.recipe, plugins, choice.changes).recipe.train.seed
    return tuple(range(first, first + asked.seeds))


def with_seed(choice: Choice, seed: int, plugins: Plugins) -> LoadedRecipe:
    """Return the variant's recipe with a seed."""
    from dataclasses import replace

    return open_recipe(choice.recipe, plugins, replace(choice.changes, seed=seed))


def plan_cell(
    choice: Choice,
    seed: int,
    plugins: Plugins,
    stored: StoredRuns,
    observer: Observer,
    *,
    offline: bool,
) -> Cell:
    """Return one variant with a seed, with the stored runs that are the same."""
    loaded = with_seed(choice, seed, plugins)
    try:
        require_one_machine(loaded.recipe)
        prepared = prepare(loaded, plugins, offline=offline, notify=observer.notice)
    except UnsupportedError as error:
        return Cell(choice, seed, loaded, refused=" ".join(error.lines()))
    problems = prepared.plan.machine_problems
    finished, unfinished = stored.like(prepared)
    return Cell(
        choice,
        seed,
        loaded,
        finished,
        unfinished,
        prepared.plan.estimate.train_seconds,
        "; ".join(problems) if problems and not finished else None,
    )


class StoredRuns:
    """The runs below a folder, found by what they are."""

    def __init__(self, root: Path) -> None:
        self._by_recipe: dict[str, list[RunFolder]] = {}
        for run in list_runs(root):
            path = run.file("resolved.toml")
            if path.exists():
                text = without_head(path.read_text(encoding="utf-8"))
                self._by_recipe.setdefault(text, []).append(run)

    def like(self, prepared: Prepared) -> tuple[tuple[RunFolder, ...], tuple[RunFolder, ...]]:
        """Return the finished runs that are as ``prepared`` would be, and those that may go on."""
        finished, unfinished = [], []
        text = without_head(recipe_toml(prepared.loaded.recipe))
        for run in self._by_recipe.get(text, ()):
            state = run.manifest().state
            if state == "finished" and _as_planned(run, prepared) and _same_rows(run, prepared):
                finished.append(run)
            elif state in GOES_ON and _as_planned(run, prepared):
                unfinished.append(run)
        return tuple(finished), tuple(unfinished)


def without_head(text: str) -> str:
    """Return a resolved recipe without its comments, which say where it came from."""
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))


def _as_planned(run: RunFolder, prepared: Prepared) -> bool:
    """Whether a run had the same backend, rows, order, model and settings, and ft's evaluator."""
    try:
        plan, job = run.read_json("plan.json"), run.read_json("job.json")
        own = plan["backend"] == prepared.spec.name and not plan_changes(plan, prepared)
        return bool(own and (job is None or job["evaluator"] == prepared.spec.evaluator))
    except (KeyError, TypeError, ValueError):
        return False  # of an older ft, or damaged: not the same


def _same_rows(run: RunFolder, prepared: Prepared) -> bool:
    """Whether a run was asked the same test rows, with the same references and fields."""
    then = [
        _row(line["row_id"], line["reference"], line["fields"])
        for line in run.read_lines("predictions/rows.jsonl")
    ]
    now = [_row(row.row_id, row.reference, row.fields) for row in prepared.inputs.test]
    return then == now


def _row(row_id: str, reference: str, fields: Mapping[str, Any]) -> str:
    return json.dumps([row_id, reference, dict(fields)], sort_keys=True, default=str)


def in_environment(run: RunFolder, prepared: Prepared, environment: Environment) -> bool:
    """Whether a stored run had this environment and this code."""
    kept = run.read_json("environment.json")
    try:
        return kept is not None and not environment_changes(kept, prepared.spec, environment)
    except KeyError:
        return False


def require_rows(cells: list[Cell]) -> None:
    """Refuse a comparison whose recipes name no test rows; `RunNotFound` like runs without."""
    for cell in cells:
        data = cell.loaded.recipe.data
        if not data.test and not data.split.test:
            raise RunNotFound(
                f"{cell.choice.name} has no test rows, so there is nothing to compare by",
                hint="set data.test or data.split.test",
                code="compare.no-rows",
            )
