"""What `ft run` prints besides progress: the plan of a dry run, and what a run left."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftcore import face
from ftcore.cli import output
from ftcore.display.plan_facts import plan_facts, plan_notes
from ftcore.display.watcher import Several
from ftcore.engine.observer import Observer
from ftcore.results import RunResult


class RunNoted(Observer):
    """Remembers the run directory, which errors do not carry."""

    folder: str | None = None

    def started(self, run_folder: str) -> None:
        """Note it."""
        self.folder = run_folder


def show_plan(recipe: Path, given: Mapping[str, Any], watcher: Observer, *, as_json: bool) -> None:
    """Print the plan and what would refuse it here."""
    plan = face.plan(recipe, **given, progress=watcher)
    if as_json:
        output.show_json({"plan": plan.to_json(), "would_be_refused": plan.machine_problems})
        return
    output.show(plan_facts(plan))
    output.show_lines(plan_notes(plan))


def run_and_show(
    recipe: Path, given: Mapping[str, Any], watcher: Observer, *, as_json: bool, quiet: bool
) -> None:
    """Run, then print metrics, places and next commands; a failed run's directory is named too."""
    noted = RunNoted()
    try:
        result = face.run(recipe, **given, progress=Several([watcher, noted]))
    except BaseException:
        if noted.folder and not as_json:
            output.progress_line(f"what there is of the run: {noted.folder}")
            name = shlex.quote(noted.folder)
            output.progress_line(f"how far it came: ft runs show {name}")
        raise
    if as_json:
        output.show_json(result_data(result))
    elif quiet:
        output.show_lines([result.folder])
    else:
        output.show(result.metrics.grid())
        output.show_lines(_places(result, _again(recipe, given)))


def result_data(result: RunResult) -> dict[str, Any]:
    """Return a finished run as plain data; the scores of single rows stay in its files."""
    metrics = json.loads((result.folder / "metrics.json").read_text(encoding="utf-8"))
    return {
        "run": str(result.folder),
        "state": "finished",
        "report": str(result.report_path),
        "plan": result.plan.to_json(),
        "metrics": {name: part for name, part in metrics.items() if name != "scores"},
    }


def _again(recipe: Path, given: Mapping[str, Any]) -> str:
    """Return the options that make `ft eval` see the recipe as this run saw it."""
    words = ["--recipe", str(recipe)]
    for name in ("backend", "profile", "evaluator", "python"):
        if given.get(name) is not None:
            words += [f"--{name}", str(given[name])]
    for override in given["overrides"]:
        words += ["--set", override]
    return shlex.join(words)


def _places(result: RunResult, again: str) -> Iterator[str]:
    folder = shlex.quote(str(_short(result.folder)))
    yield f"{result.metrics.main} decides; intervals hold 95%, by resampling the test rows"
    yield ""
    yield f"run directory  {_short(result.folder)}"
    yield f"report         {_short(result.report_path)}"
    yield f"adapter        {_short(result.folder / 'adapter')}"
    yield ""
    yield "next:"
    yield f"  ft runs show {folder}"
    yield f"  ft eval {folder} {again}"


def _short(path: Path) -> Path:
    """Return a path relative to this folder where that is shorter."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
