"""The Python face of ft: the same jobs as the command line, with typed results.

Example::

    import ftcore

    recipe = ftcore.load_recipe("ner.toml", overrides=["train.max_steps=20"])
    print(ftcore.plan(recipe))
    result = ftcore.run(recipe)
    result.metrics
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Literal

from ftcore.backends import BackendSpec
from ftcore.cache import require_disk
from ftcore.display.preview import Preview
from ftcore.display.watcher import PluginWatcher, Several
from ftcore.engine.evaluate import evaluate as evaluate_target
from ftcore.engine.evaluate import find_target
from ftcore.engine.observer import Observer
from ftcore.engine.opening import Changes, open_recipe, use_plugins
from ftcore.engine.plan import Plan
from ftcore.engine.prepare import Prepared, prepare
from ftcore.engine.preview import Part, preview_rows
from ftcore.engine.run import execute, expected_bytes
from ftcore.errors import DiskFull, UnsupportedError
from ftcore.recipe.loading import LoadedRecipe
from ftcore.results import EvaluationResult, RunResult, ShownPlan
from ftcore.runs.listing import runs_root

RecipeLike = str | PathLike[str] | LoadedRecipe
Progress = Literal["auto"] | bool | Observer


def plan(
    recipe: RecipeLike,
    *,
    backend: str | None = None,
    profile: str | None = None,
    model: str | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    evaluator: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> Plan:
    """Return what a run would do: rows, tokens, steps, parameters, expected memory and time.

    The rows are read and rendered and the model is fetched; no environment is built and nothing is
    trained. Raises the same errors as `run`, but for limits of this machine, which are in the
    plan's ``machine_problems``.
    """
    changes = Changes(backend, profile, model, tuple(overrides), seed)
    plugins = use_plugins()
    loaded = open_recipe(_path(recipe), plugins, changes)
    with Several([observer_for(progress)]) as watcher:
        watcher.phase("prepare")
        prepared = prepare(loaded, plugins, offline=offline, notify=watcher.notice)
    declared_evaluator(prepared.spec, evaluator)
    return ShownPlan.of(_with_disk(prepared, _root(runs)))


def preview(
    recipe: RecipeLike,
    *,
    profile: str | None = None,
    model: str | None = None,
    overrides: Sequence[str] = (),
    part: Part = "train",
    rows: int = 3,
    lost: bool = False,
    offline: bool = False,
    progress: Progress = "auto",
) -> Preview:
    """Return the first rows of a part as the model sees them, what is trained on in colour.

    ``lost`` takes only rows that are cut or dropped.
    """
    plugins = use_plugins()
    changes = Changes(profile=profile, model=model, overrides=tuple(overrides))
    loaded = open_recipe(_path(recipe), plugins, changes)
    with Several([observer_for(progress)]) as watcher:
        found = preview_rows(
            loaded, part=part, limit=rows, lost=lost, offline=offline, notify=watcher.notice
        )
    return Preview(found)


def run(
    recipe: RecipeLike,
    *,
    backend: str | None = None,
    profile: str | None = None,
    model: str | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    evaluator: str | None = None,
    python: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> RunResult:
    """Train and evaluate, as `ft run` does, and return what came out.

    ``overrides`` are ``key=value``; ``python`` is an interpreter that has the engine (or
    ``"current"``), None lets ft build the environment; ``runs`` is where run directories are kept.
    ``progress`` "auto" draws in a notebook and on a terminal and writes lines elsewhere, True
    always writes lines, False is silent; an `Observer` hears everything.
    """
    changes = Changes(backend, profile, model, tuple(overrides), seed)
    plugins = use_plugins()
    loaded = open_recipe(_path(recipe), plugins, changes)
    with Several([observer_for(progress), PluginWatcher(plugins)]) as watcher:
        watcher.phase("prepare")
        prepared = prepare(loaded, plugins, offline=offline, notify=watcher.notice)
        watcher.planned(prepared.plan)
        outcome = execute(
            prepared,
            runs=_root(runs),
            observer=watcher,
            python=python,
            offline=offline,
            evaluator=declared_evaluator(prepared.spec, evaluator),
        )
    return RunResult.of(outcome)


def evaluate(
    target: str | PathLike[str],
    recipe: RecipeLike,
    *,
    backend: str | None = None,
    profile: str | None = None,
    model: str | None = None,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    evaluator: str | None = None,
    python: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> EvaluationResult:
    """Answer the recipe's test rows again and score them, as `ft eval` does.

    ``target`` is a run (its folder or id), an adapter folder, or a model folder; ``limit`` bounds
    the rows. A run's adapter is evaluated on the base model that it was trained on.
    """
    root = _root(runs)
    found = find_target(str(target), root)
    given = tuple(overrides) if limit is None else (*overrides, f"evaluation.limit={limit}")
    changes = Changes(backend, profile, found.model or model, given)
    plugins = use_plugins()
    loaded = open_recipe(_path(recipe), plugins, changes)
    spec = plugins.backend(loaded.recipe.default_backend)
    with Several([observer_for(progress), PluginWatcher(plugins)]) as watcher:
        done = evaluate_target(
            found,
            loaded,
            plugins,
            runs=root,
            observer=watcher,
            python=python,
            offline=offline,
            evaluator=declared_evaluator(spec, evaluator),
        )
    return EvaluationResult.of(done)


def declared_evaluator(spec: BackendSpec, asked: str | None) -> str | None:
    """Return the evaluator to use; `UnsupportedError` for one that the backend does not declare."""
    if asked is None or asked == spec.evaluator:
        return asked
    what = "native evaluator" if asked == "native" else f"evaluator {asked!r}"
    raise UnsupportedError(
        f"backend {spec.name} declares no {what}",
        hint=f"leave it out: {spec.evaluator} is used, ft's shared generator",
        code="unsupported.evaluator",
        details={"declared": [spec.evaluator]},
    )


def _with_disk(prepared: Prepared, runs: Path) -> Plan:
    """Return the plan with too little disk space among the limits of this machine."""
    try:
        require_disk(runs.absolute(), expected_bytes(prepared), "the run")
    except DiskFull as error:
        problems = [*prepared.plan.machine_problems, error.message]
        return replace(prepared.plan, machine_problems=problems)
    return prepared.plan


def _root(runs: str | PathLike[str] | None) -> Path:
    return runs_root(None if runs is None else str(runs))


def observer_for(progress: Progress) -> Observer:
    """Return the observer that ``progress`` asks for."""
    if isinstance(progress, Observer):
        return progress
    if progress is False:
        return Observer()
    if progress == "auto":
        from ftcore.display.notebook import NotebookWatcher, in_notebook

        if in_notebook():
            return NotebookWatcher()
        if sys.stderr.isatty():
            return _live()
    from ftcore.display.plain import PlainWatcher

    return PlainWatcher(_line)


def _live() -> Observer:
    from rich.console import Console

    from ftcore.display.live import LiveWatcher
    from ftcore.display.terminal import print_shown

    console = Console(stderr=True)
    return LiveWatcher(console, lambda shown: print_shown(console, shown))


def _line(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _path(recipe: RecipeLike) -> Path | LoadedRecipe:
    return recipe if isinstance(recipe, LoadedRecipe) else Path(recipe)
