"""`ft join`: take part in a run that another machine has started."""

from __future__ import annotations

from pathlib import Path

import click

from ftcore.cli import options


@click.command("join")
@click.argument("run", metavar="[RUN]", required=False, shell_complete=options.complete_runs)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Without RUN: how long to wait for a run that wants machines.",
)
@options.python_option
@options.offline_option
@options.runs_option
@options.json_option
@options.quiet_option
def command(
    run: str | None,
    wait: float,
    python: str | None,
    offline: bool,
    runs: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Take part in a run that waits for this machine.

    A recipe with `launch.nodes` above 1 is started by `ft run` on one machine; on each other one,
    `ft join` trains with it until the training ends. RUN is a run's id, the beginning of it, or its
    folder; without, it is the newest run that waits. All machines must see the run, its rows and
    the model at the same paths, and have the same ft.
    """
    from ftcore import face
    from ftcore.cli import output

    observer = output.observer(as_json=as_json, quiet=quiet)
    folder = face.join(run, wait=wait, python=python, offline=offline, runs=runs, progress=observer)
    if as_json:
        output.show_json({"run": str(folder)})
    else:
        output.show_lines([f"the training of {folder.name} is over; its first machine goes on"])
