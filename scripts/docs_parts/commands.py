"""The commands, from the table of the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from docs_parts.text import code, table
from ftcore.cli.table import TABLE, Command, Group


def listing() -> str:
    """Return every command with its one-line help."""
    return table(("command", "what it does"), _rows("ft", TABLE))


def _rows(
    before: str, commands: Mapping[str, Command | Group] | Mapping[str, Command]
) -> Iterator[tuple[str, str]]:
    for name, entry in commands.items():
        if isinstance(entry, Group):
            yield from _rows(f"{before} {name}", entry.commands)
        else:
            yield code(f"{before} {name}"), entry.help
