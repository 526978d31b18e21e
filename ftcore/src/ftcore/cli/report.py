"""`ft report`: write a run's report anew from what its directory holds."""

from __future__ import annotations

from pathlib import Path

import click

from ftcore.cli import options


@click.command("report")
@options.run_argument
@options.runs_option
@options.json_option
def command(run: str, runs: Path | None, as_json: bool) -> None:
    """Write a run's report anew.

    RUN is a run's id, the beginning of it, `last`, or its folder.
    """
    from ftcore.cli import output
    from ftcore.engine.run import write_reports
    from ftcore.runs.listing import find_run, runs_root

    found = find_run(run, runs_root(runs))
    write_reports(found)
    places = {name: str(found.file(f"report.{name}")) for name in ("md", "html")}
    if as_json:
        output.show_json({"run": str(found.path), "report": places})
    else:
        output.show_lines(places.values())
