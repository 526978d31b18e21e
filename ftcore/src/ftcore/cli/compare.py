"""`ft compare`: run what is missing, and put backends, settings or runs against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ftcore.cli import options


@click.command("compare")
@click.argument("targets", metavar="RECIPE|RUN ...", nargs=-1, required=True)
@click.option("--backends", metavar="A,B,...", default="", help="Backends to compare.")
@click.option(
    "--seeds",
    metavar="K|S,T,...",
    default="1",
    show_default=True,
    help="How many seeds each variant is run with, from the recipe's own on, or the seeds.",
)
@click.option(
    "--vary",
    metavar="KEY=V,W,...",
    multiple=True,
    help="Values of one field to compare; given often, every combination.",
)
@click.option("--profiles", metavar="P,Q,...", default="", help="Profiles; `none` is without one.")
@click.option("--models", metavar="M,N,...", default="", help="Models to compare.")
@options.set_option
@click.option("--no-parity", is_flag=True, help="No certificate of the backends' first steps.")
@click.option(
    "--price-per-hour", type=click.FloatRange(min=0), help="Price of this machine, for the cost."
)
@click.option("--fresh", is_flag=True, help="Train anew what is stored already.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the report is written.  [default: comparisons/NAME below the runs]",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where runs are done: here, or on the nodes of a Ray cluster ($RAY_ADDRESS).",
)
@click.option("--dry-run", is_flag=True, help="Show which runs are there and which are missing.")
@options.python_option
@options.offline_option
@options.runs_option
@options.json_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    targets: tuple[str, ...],
    backends: str,
    seeds: str,
    vary: tuple[str, ...],
    profiles: str,
    models: str,
    overrides: tuple[str, ...],
    no_parity: bool,
    price_per_hour: float | None,
    fresh: bool,
    out: Path | None,
    executor: str,
    dry_run: bool,
    python: str | None,
    offline: bool,
    runs: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare backends, settings, models or runs.

    Runs what is missing, compares, and writes a report. One recipe with --backends, --vary,
    --profiles or --models, or several recipes: every combination is a variant, and runs once with
    each seed, one after the other. Finished runs of the same recipe, rows, seed and code are
    reused; after Ctrl-C the same command goes on. Or two and more runs that are there already.

    Chance is part of training: only several seeds (--seeds 5) tell a better variant from luck.
    Exit code 1 when a run failed; the others are compared nevertheless.
    """
    from ftcore.cli import output
    from ftcore.cli.compare_output import compare_and_show, show_plan

    given: dict[str, Any] = {
        "backends": _listed(backends),
        "seeds": _seeds(seeds),
        "vary": vary,
        "profiles": _listed(profiles),
        "models": _listed(models),
        "overrides": overrides,
    }
    where = {"offline": offline, "runs": runs}
    watcher = output.observer(as_json=as_json, quiet=quiet)
    if dry_run:
        show_plan(targets, {**given, **where}, watcher, as_json=as_json)
        return
    given |= {**where, "python": python, "executor": executor}
    given |= {"parity": not no_parity, "price_per_hour": price_per_hour}
    given |= {"fresh": fresh, "out": out}
    compare_and_show(ctx, targets, given, watcher, as_json=as_json)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seeds(text: str) -> int | list[int]:
    """Return a number of seeds, or with a comma the seeds themselves."""
    parts = _listed(text)
    if not parts or not all(part.isascii() and part.isdigit() for part in parts):
        raise click.UsageError("--seeds takes a number of seeds, or seeds: --seeds 3, --seeds 1,2")
    if "," in text:
        return [int(part) for part in parts]
    if int(parts[0]) < 1:
        raise click.UsageError("--seeds: at least one")
    return int(parts[0])
