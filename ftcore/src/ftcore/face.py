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

from ftcore.cache import require_disk
from ftcore.display.preview import Preview
from ftcore.display.watcher import PluginWatcher, Several
from ftcore.engine.evaluators import evaluator_hook, with_evaluator
from ftcore.engine.gates import GateRequest, open_gates
from ftcore.engine.join import join as join_run
from ftcore.engine.join import waiting_run
from ftcore.engine.observer import Observer
from ftcore.engine.opening import Changes, open_recipe, use_plugins
from ftcore.engine.plan import Plan
from ftcore.engine.prepare import Prepared, prepare
from ftcore.engine.preview import Part, preview_rows
from ftcore.engine.resume import resume as resume_run
from ftcore.engine.run import execute, expected_bytes
from ftcore.errors import DiskFull
from ftcore.evaluation.gated import require_held
from ftcore.recipe.loading import LoadedRecipe
from ftcore.results import RunResult, ShownPlan
from ftcore.runs.listing import find_run, runs_root

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
    require: Sequence[str] = (),
    no_worse_than: str | PathLike[str] | None = None,
    margin: float | None = None,
    progress: Progress = "auto",
) -> Plan:
    """Return what a run would do: rows, tokens, steps, parameters, expected memory and time.

    The rows are read and rendered and the model is fetched; no environment is built and nothing is
    trained. Raises the same errors as `run`, but for limits of this machine, which are in the
    plan's ``machine_problems``.
    """
    changes = Changes(backend, profile, model, tuple(overrides), seed)
    plugins = use_plugins()
    loaded = open_recipe(path_of(recipe), plugins, changes)
    gates = open_gates(loaded, gates_of(require, no_worse_than, margin), root_of(runs))
    with Several([observer_for(progress)]) as watcher:
        watcher.phase("prepare")
        prepared = prepare(loaded, plugins, offline=offline, notify=watcher.notice)
    gates.require_rows(prepared.inputs.test)
    evaluator_hook(prepared.spec, evaluator, plugins.backends().values())
    prepared = with_evaluator(prepared, evaluator)
    return ShownPlan.of(_with_disk(prepared, root_of(runs)))


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
    loaded = open_recipe(path_of(recipe), plugins, changes)
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
    require: Sequence[str] = (),
    no_worse_than: str | PathLike[str] | None = None,
    margin: float | None = None,
    progress: Progress = "auto",
) -> RunResult:
    """Train and evaluate, as `ft run` does, and return what came out.

    ``overrides`` are ``key=value``; ``python`` is an interpreter that has the engine (or
    ``"current"``), None lets ft build the environment; ``runs`` is where run directories are kept.
    ``progress`` "auto" draws in a notebook and on a terminal and writes lines elsewhere, True
    always writes lines, False is silent; an `Observer` hears everything.

    ``require`` are gates such as ``"entity_f1>=0.8"`` or ``"main:lower>0.5"``; ``no_worse_than`` is
    a run on the same test rows than which the metric that decides must not be worse (with a
    ``margin``: by more than that). Where one does not hold, the finished run is in ``result`` of
    the `GateFailed` that is raised.
    """
    changes = Changes(backend, profile, model, tuple(overrides), seed)
    plugins = use_plugins()
    loaded = open_recipe(path_of(recipe), plugins, changes)
    gates = open_gates(loaded, gates_of(require, no_worse_than, margin), root_of(runs))
    with Several([observer_for(progress), PluginWatcher(plugins)]) as watcher:
        watcher.phase("prepare")
        prepared = prepare(loaded, plugins, offline=offline, notify=watcher.notice)
        hook = evaluator_hook(prepared.spec, evaluator, plugins.backends().values())
        prepared = with_evaluator(prepared, evaluator)
        gates.require_rows(prepared.inputs.test)
        watcher.planned(prepared.plan)
        outcome = execute(
            prepared,
            runs=root_of(runs),
            observer=watcher,
            python=python,
            offline=offline,
            evaluator=hook,
            gates=gates,
        )
    return require_held(RunResult.of(outcome))


def resume(
    run: str | PathLike[str],
    *,
    python: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> RunResult:
    """Go on with a run that was interrupted, crashed or failed, as ``ft run --resume`` does.

    ``run`` is its folder, its id, the beginning of one, or ``last``; all else is taken from it.
    Training goes on from its newest checkpoint and ends as if nothing had happened. Raises
    `ResumeError` with everything that changed since and would make another run of it.
    """
    found = find_run(str(run), root_of(runs))
    plugins = use_plugins()
    with Several([observer_for(progress), PluginWatcher(plugins)]) as watcher:
        outcome = resume_run(found, plugins, observer=watcher, python=python, offline=offline)
    return RunResult.of(outcome)


def join(
    run: str | PathLike[str] | None = None,
    *,
    wait: float = 0.0,
    python: str | None = None,
    offline: bool = False,
    runs: str | PathLike[str] | None = None,
    progress: Progress = "auto",
) -> Path:
    """Train as one of the machines of a run until its training ends; returns its directory.

    ``run`` is its folder, its id or the beginning of one; None is the newest run that waits for
    machines, for which ``wait`` seconds may pass. Raises `ClusterError` where this machine cannot
    take part, and `WorkerCrashed` where its part fails.
    """
    root = root_of(runs)
    plugins = use_plugins()
    with Several([observer_for(progress), PluginWatcher(plugins)]) as watcher:
        found = waiting_run(root, wait) if run is None else find_run(str(run), root)
        join_run(found, plugins, observer=watcher, python=python, offline=offline)
    return found.path


def _with_disk(prepared: Prepared, runs: Path) -> Plan:
    """Return the plan with too little disk space among the limits of this machine."""
    try:
        require_disk(runs.absolute(), expected_bytes(prepared), "the run")
    except DiskFull as error:
        problems = [*prepared.plan.machine_problems, error.message]
        return replace(prepared.plan, machine_problems=problems)
    return prepared.plan


def gates_of(
    require: Sequence[str], no_worse_than: str | PathLike[str] | None, margin: float | None
) -> GateRequest:
    """Return the gates that are asked for."""
    if isinstance(require, str):
        require = [require]
    run = None if no_worse_than is None else str(no_worse_than)
    return GateRequest(tuple(require), run, margin)


def root_of(runs: str | PathLike[str] | None) -> Path:
    """Return the folder of runs that is meant."""
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


def path_of(recipe: RecipeLike) -> Path | LoadedRecipe:
    """Return a recipe as it was given, its path as a `Path`."""
    return recipe if isinstance(recipe, LoadedRecipe) else Path(recipe)
