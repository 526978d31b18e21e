"""`ft backends list`: the backends, the plugins behind them, and whether they are ready."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ftcore.cli import options

if TYPE_CHECKING:
    from ftcore.plugins import Plugins


@click.command("list")
@options.json_option
def command(as_json: bool) -> None:
    """List the backends and their plugins.

    A plugin that is broken or disabled is listed with the reason.
    """
    from ftcore.cli import output
    from ftcore.display.facts import text_grid
    from ftcore.plugins import load_plugins

    plugins = load_plugins()
    found = list(_backends(plugins))
    if as_json:
        output.show_json({"backends": found, "plugins": [_plugin(i) for i in plugins.infos]})
        return
    rows = ((b["name"], b["summary"], b["plugin"], b["environment"]) for b in found)
    output.show(text_grid(("Backend", "What it does", "Plugin", "Environment"), rows))
    for info in plugins.infos:
        if info.state != "loaded":
            reason = f": {info.problem}" if info.problem else ""
            output.show_lines([f"plugin {info} is {info.state}{reason}"])


def _backends(plugins: Plugins) -> Iterator[dict[str, Any]]:
    from ftcore.environments.list import list_environments

    built = [info for info in list_environments() if info.ready]
    owners = {name: str(info) for info in plugins.infos for name in info.backends}
    for name, spec in plugins.backends().items():
        own = [info.name for info in built if info.backend == spec.environment.name]
        yield {
            "name": name,
            "summary": spec.summary,
            "version": spec.version,
            "plugin": owners.get(name, ""),
            "environment": ", ".join(own) or "built with the first run",
            "environments": own,
        }


def _plugin(info: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(info)
