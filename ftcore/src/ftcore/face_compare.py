"""`ftcore.compare`: the part of the Python face that puts runs against each other."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ftcore.comparison_result import ComparisonPlan, ComparisonResult
from ftcore.display.watcher import Several
from ftcore.engine.compare import compare as comparing
from ftcore.engine.compare.choices import Asked
from ftcore.engine.compare.progress import Executor
from ftcore.engine.parity.trainings import Workplace
from ftcore.errors import InputError
from ftcore.face import Progress, RecipeLike, observer_for, root_of
from ftcore.recipe.loading import LoadedRecipe


def compare(
    *targets: RecipeLike,
    backends: Sequence[str] = (),
    seeds: int | Sequence[int] = 1,
    vary: Sequence[str] = (),
    profiles: Sequence[str] = (),
    models: Sequence[str] = (),
    overrides: Sequence[str] = (),
    parity: bool = True,
    price_per_hour: float | None = None,
    fresh: bool = False,
    executor: Executor = "local",
    out: str | PathLike[str] | None = None,
    python: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> ComparisonResult:
    """Compare backends, settings, profiles, models or recipes, or runs that are there already.

    ``targets`` are one or more recipes, or two or more runs. Of recipes, every variant (the
    product of ``backends``, ``profiles``, ``models`` and ``vary``, texts such as
    ``"train.lora.rank=4,8"``) is run with every seed (so many from the recipe's own on, or those
    given), one after the other, or with ``executor="ray"`` on the nodes of a Ray cluster; a
    finished run of the same recipe, rows, seed and code below ``runs`` is reused unless ``fresh``.
    A run that fails is in ``failed`` and the others go on.
    ``parity`` also certifies whether the backends train the same, of runs where they differ in
    nothing else. The report is written to
    ``out``, else below ``runs``.
    """
    root = root_of(runs)
    place = None if out is None else Path(out)
    stored = not _are_recipes(targets)
    if stored:
        elsewhere = () if executor == "local" else executor
        _refuse_for_runs(backends, seeds, vary, profiles, models, overrides, fresh, elsewhere)
    with Several([observer_for(progress)]) as watcher:
        workplace = Workplace(root, watcher, python=python, offline=offline, fresh=fresh)
        if stored:
            names = [str(target) for target in targets]
            done = comparing.compare_runs(
                names, workplace, place, price=price_per_hour, parity=parity
            )
            return ComparisonResult.of(done)
        asked = _comparison(
            targets, backends, seeds, vary, profiles, models, overrides, parity, price_per_hour
        )
        return ComparisonResult.of(comparing.compare_recipes(asked, workplace, place, executor))


def plan_comparison(
    *recipes: RecipeLike,
    backends: Sequence[str] = (),
    seeds: int | Sequence[int] = 1,
    vary: Sequence[str] = (),
    profiles: Sequence[str] = (),
    models: Sequence[str] = (),
    overrides: Sequence[str] = (),
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> ComparisonPlan:
    """Return the runs that `compare` would need, and which of them are there already."""
    asked = _comparison(recipes, backends, seeds, vary, profiles, models, overrides, True, None)
    with Several([observer_for(progress)]) as watcher:
        return ComparisonPlan(
            comparing.plan(asked, Workplace(root_of(runs), watcher, offline=offline))
        )


def _comparison(
    recipes: Sequence[RecipeLike],
    backends: Sequence[str],
    seeds: int | Sequence[int],
    vary: Sequence[str],
    profiles: Sequence[str],
    models: Sequence[str],
    overrides: Sequence[str],
    parity: bool,
    price: float | None,
) -> Asked:
    paths = [Path(one.path if isinstance(one, LoadedRecipe) else one) for one in recipes]
    for one in recipes:
        if isinstance(one, LoadedRecipe):
            profiles = profiles or ([one.profile] if one.profile else [])
            overrides = (*one.overrides, *overrides)
    return Asked(
        recipes=tuple(paths),
        backends=tuple(backends),
        profiles=tuple(profiles),
        models=tuple(models),
        vary=tuple(vary),
        overrides=tuple(overrides),
        seeds=seeds if isinstance(seeds, int) else tuple(seeds),
        parity=parity,
        price=price,
    )


def _are_recipes(targets: Sequence[RecipeLike]) -> bool:
    """Whether the targets are recipes: a file each; runs are folders or names of some."""
    if not targets:
        raise InputError("give a recipe, or two or more runs", code="compare.nothing")
    files = [
        isinstance(one, LoadedRecipe) or Path(one).is_file() or str(one).endswith(".toml")
        for one in targets
    ]
    if any(files) and not all(files):
        raise InputError(
            "recipes and runs are not compared together",
            hint="runs of a recipe that are there already are found by themselves",
            code="compare.mixed",
        )
    return all(files)


def _refuse_for_runs(*given: object) -> None:
    if any(value not in ((), [], 1, False) for value in given):
        raise InputError(
            "runs are compared as they are: nothing can be varied or run anew",
            hint="give the recipe in place of the runs",
            code="compare.runs",
        )
