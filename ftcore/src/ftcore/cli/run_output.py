"""What `ft run` prints besides progress: the plan of a dry run, and what a run left."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ftcore import face
from ftcore.cli import output
from ftcore.cli.gate_output import end, held_or_not
from ftcore.display.plan_facts import plan_facts, plan_notes
from ftcore.display.watcher import Several
from ftcore.engine.observer import Observer
from ftcore.recipe.header import read_header
from ftcore.report.gates import gates_grid
from ftcore.results import RunResult
from ftcore.runs.folder import RunFolder

APART = ("scores", "gates")  # of metrics.json: left to the file, or shown by themselves


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
    with _unfinished_named(watcher, as_json=as_json) as progress:
        result, error = held_or_not(lambda: face.run(recipe, **given, progress=progress))
    _show_result(result, _again(recipe, given), as_json=as_json, quiet=quiet)
    end(error, as_json=as_json)


def resume_and_show(
    name: str, given: Mapping[str, Any], watcher: Observer, *, as_json: bool, quiet: bool
) -> None:
    """Go on with a run and print what a run prints."""
    with _unfinished_named(watcher, as_json=as_json) as progress:
        result = face.resume(name, **given, progress=progress)
    run = RunFolder(result.folder)
    header = read_header(run.file("resolved.toml").read_text(encoding="utf-8"))
    recipe = Path(header.base) / Path(header.path).name
    before = {"profile": header.profile, "overrides": header.overrides, "python": given["python"]}
    _show_result(result, _again(recipe, before), as_json=as_json, quiet=quiet)


@contextmanager
def _unfinished_named(watcher: Observer, *, as_json: bool) -> Iterator[Observer]:
    """Name the directory of a run that does not finish, and the command that goes on with it."""
    noted = RunNoted()
    try:
        yield Several([watcher, noted])
    except BaseException:
        if noted.folder and not as_json:
            output.progress_line(f"what there is of the run: {noted.folder}")
            name = shlex.quote(noted.folder)
            output.progress_line(f"how far it came: ft runs show {name}")
            if RunFolder(Path(noted.folder)).manifest().state in ("interrupted", "crashed"):
                output.progress_line(f"to go on with it: ft run --resume {name}")
        raise


def _show_result(result: RunResult, again: str, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        output.show_json(result_data(result))
    elif quiet:
        output.show_lines([result.folder])
    else:
        if len(result.metrics):
            output.show(result.metrics.grid())
        if result.gates:
            output.show(gates_grid(result.gates))
        output.show_lines(_places(result, again))


def result_data(result: RunResult) -> dict[str, Any]:
    """Return a finished run as plain data; the scores of single rows stay in its files."""
    metrics = json.loads((result.folder / "metrics.json").read_text(encoding="utf-8"))
    return {
        "run": str(result.folder),
        "state": "finished",
        "report": str(result.report_path),
        "plan": result.plan.to_json(),
        "ok": all(gate.held for gate in result.gates),
        "gates": [gate.to_json() for gate in result.gates],
        "metrics": {name: part for name, part in metrics.items() if name not in APART},
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
    if len(result.metrics):
        yield f"{result.metrics.main} decides; intervals hold 95%, by resampling the test rows"
    else:
        yield "nothing was scored: the recipe has no test rows"
    yield ""
    yield f"run directory  {_short(result.folder)}"
    yield f"report         {_short(result.report_path)}"
    yield f"adapter        {_short(result.folder / 'adapter')}"
    yield ""
    yield "next:"
    yield f"  ft runs show {folder}"
    if len(result.metrics):
        yield f"  ft eval {folder} {again}"


def _short(path: Path) -> Path:
    """Return a path relative to this folder where that is shorter."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
