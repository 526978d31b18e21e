"""`ft run`: plan, train, evaluate before and after, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ftcore.cli import options


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE", required=False)
@options.changes_options
@options.seed_option
@options.evaluator_option
@options.python_option
@options.offline_option
@options.runs_option
@options.gate_options
@click.option("--dry-run", is_flag=True, help="Show the plan and stop; nothing is built.")
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=options.complete_runs,
    help="Go on with a run that did not finish, in place of RECIPE.",
)
@options.json_option
@options.quiet_option
def command(
    recipe: Path | None,
    backend: str | None,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    evaluator: str | None,
    python: str | None,
    offline: bool,
    runs: Path | None,
    require: tuple[str, ...],
    no_worse_than: str | None,
    margin: float | None,
    dry_run: bool,
    resume: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train and evaluate, as a recipe says.

    The plan is shown first. Then the environment of the backend is built (once), the untuned model
    answers the test rows, the adapter is trained, the same rows are answered again, and a report
    is written into the run directory. --require and --no-worse-than are checked at the end.

    With --resume a run that was interrupted, crashed or failed goes on from its newest checkpoint
    and ends as if nothing had happened. Everything but --python comes from its directory; what
    changed since is refused.
    """
    from ftcore.cli import output
    from ftcore.cli.run_output import resume_and_show, run_and_show, show_plan

    changes: dict[str, Any] = {
        "backend": backend,
        "profile": profile,
        "model": model,
        "overrides": overrides,
        "seed": seed,
        "evaluator": evaluator,
    }
    gates = {"require": require, "no_worse_than": no_worse_than, "margin": margin}
    where = {"offline": offline, "runs": runs}
    watcher = output.observer(as_json=as_json, quiet=quiet)
    if resume is not None:
        _refuse_beside_resume(RECIPE=recipe, **changes, dry_run=dry_run)
        if require or no_worse_than or margin is not None:
            raise click.UsageError("gates are for a new run; afterwards: ft eval RUN --require ...")
        resume_and_show(resume, {**where, "python": python}, watcher, as_json=as_json, quiet=quiet)
    elif recipe is None:
        raise click.UsageError("Missing argument 'RECIPE'; --resume RUN goes on with a run.")
    elif dry_run:
        show_plan(recipe, {**changes, **where, **gates}, watcher, as_json=as_json)
    else:
        given = {**changes, **where, **gates, "python": python}
        run_and_show(recipe, given, watcher, as_json=as_json, quiet=quiet)


def _refuse_beside_resume(**given: object) -> None:
    """A run that goes on takes everything from its directory."""
    names = {"overrides": "--set", "RECIPE": "RECIPE"}
    for name, value in given.items():
        # A seed of 0 is given; no options and no flag are not.
        if value is not None and value != () and value is not False:
            shown = names.get(name, f"--{name.replace('_', '-')}")
            raise click.UsageError(f"{shown} cannot change a run that goes on; leave it out")
