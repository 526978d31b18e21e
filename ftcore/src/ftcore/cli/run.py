"""`ft run`: plan, train, evaluate before and after, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ftcore.cli import options


@click.command("run")
@options.recipe_argument
@options.changes_options
@options.seed_option
@options.evaluator_option
@options.python_option
@options.offline_option
@options.runs_option
@click.option("--dry-run", is_flag=True, help="Show the plan and stop; nothing is built.")
@options.json_option
@options.quiet_option
def command(
    recipe: Path,
    backend: str | None,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    evaluator: str | None,
    python: str | None,
    offline: bool,
    runs: Path | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train and evaluate, as a recipe says.

    The plan is shown first. Then the environment of the backend is built (once), the untuned model
    answers the test rows, the adapter is trained, the same rows are answered again, and a report
    is written into the run directory.
    """
    from ftcore.cli import output
    from ftcore.cli.run_output import run_and_show, show_plan

    given: dict[str, Any] = {
        "backend": backend,
        "profile": profile,
        "model": model,
        "overrides": overrides,
        "seed": seed,
        "evaluator": evaluator,
        "offline": offline,
        "runs": runs,
    }
    watcher = output.observer(as_json=as_json, quiet=quiet)
    if dry_run:
        show_plan(recipe, given, watcher, as_json=as_json)
    else:
        run_and_show(recipe, {**given, "python": python}, watcher, as_json=as_json, quiet=quiet)
