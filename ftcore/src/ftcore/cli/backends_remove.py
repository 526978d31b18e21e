"""`ft backends remove`: free the disk space of a backend's environments."""

from __future__ import annotations

import click

from ftcore.cli import options


@click.command("remove")
@click.argument("name", shell_complete=options.complete_backends)
@options.yes_option
@options.json_option
def command(name: str, yes: bool, as_json: bool) -> None:
    """Remove a backend's environments.

    The next run builds what it needs again. Runs and models stay.
    """
    from ftcore.cache import human_size
    from ftcore.cli import output
    from ftcore.environments.list import list_environments, remove_environment
    from ftcore.plugins import load_plugins

    everything = list_environments()
    found = [info for info in everything if info.backend == name]
    if not found:
        load_plugins().backend(name)  # a name that is no backend at all is an error
    else:
        size = human_size(sum(info.bytes for info in found))
        options.confirm(f"Remove {', '.join(info.name for info in found)} ({size})?", yes)
    removed = {info.name: remove_environment(info) for info in found}
    if as_json:
        output.show_json({"removed": removed})
    elif not removed:
        output.show_lines([f"{name} has no environment here"])
    else:
        output.show_lines(f"removed {item} ({human_size(b)})" for item, b in removed.items())
