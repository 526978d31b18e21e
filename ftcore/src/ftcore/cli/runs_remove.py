"""`ft runs remove`: delete run directories."""

from __future__ import annotations

from pathlib import Path

import click

from ftcore.cli import options


@click.command("remove")
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@options.runs_option
@options.yes_option
@options.json_option
def command(names: tuple[str, ...], runs: Path | None, yes: bool, as_json: bool) -> None:
    """Delete run directories.

    Each RUN is a run's id, the beginning of it, `last`, or its folder.
    """
    from ftcore.cache import human_size
    from ftcore.cli import output
    from ftcore.runs.listing import find_run, remove_run, runs_root

    root = runs_root(runs)
    found = {run.path: run for run in (find_run(name, root) for name in names)}
    listed = ", ".join(path.name for path in found)
    options.confirm(f"Delete {listed} with adapters and reports?", yes)
    removed = {str(path): remove_run(run) for path, run in found.items()}
    if as_json:
        output.show_json({"removed": removed})
    else:
        output.show_lines(f"removed {p} ({human_size(size)})" for p, size in removed.items())
