"""`ft runs list`: the runs that are here, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftcore.cli import options

if TYPE_CHECKING:
    from ftcore.runs.folder import RunFolder


@click.command("list")
@options.runs_option
@options.json_option
def command(runs: Path | None, as_json: bool) -> None:
    """List the runs, newest first."""
    from ftcore.cli import output
    from ftcore.display.facts import text_grid
    from ftcore.runs.listing import list_runs, runs_root

    root = runs_root(runs)
    found = [_summary(run) for run in list_runs(root)]
    if as_json:
        output.show_json({"root": str(root.resolve()), "runs": found})
    elif not found:
        output.show_lines([f"there are no runs in {root}"])
    else:
        titles = ("Run", "State", "Recipe", "Backend", "Model", "Begun", "Main metric")
        output.show(text_grid(titles, (_cells(run) for run in found)))


def _summary(run: RunFolder) -> dict[str, Any]:
    from dataclasses import asdict

    metrics = run.read_json("metrics.json") or {}
    main = metrics.get("main_metric")
    values = {
        stage: scores[main]["value"]
        for stage, scores in metrics.get("stages", {}).items()
        if main in scores
    }
    return {**asdict(run.manifest()), "folder": str(run.path), "metric": main, "values": values}


def _cells(run: dict[str, Any]) -> tuple[str, ...]:
    from ftcore.report import numbers

    recipe = f"{run['recipe']} ({run['profile']})" if run["profile"] else str(run["recipe"])
    values = run["values"]
    metric = ""
    if "after" in values:
        before = f"{numbers.metric(values['before'])} → " if "before" in values else ""
        metric = f"{run['metric']} {before}{numbers.metric(values['after'])}"
    began = numbers.moment(run["created"])
    return (run["id"], run["state"], recipe, run["backend"], run["model"], began, metric)
