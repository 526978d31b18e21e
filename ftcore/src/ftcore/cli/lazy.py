"""A click group that knows its commands from a table and imports one when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from ftcore.cli.table import Command, Group


class LazyGroup(click.Group):
    """A group over a table: its help imports nothing, a command is imported when invoked."""

    def __init__(
        self, table: Mapping[str, Command | Group], *, default: str | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.table = table
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help when nothing was asked for."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        if self.default and args and args[0] not in (*self.table, *ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the table's order."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None when there is none of that name."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        if isinstance(entry, Group):
            return LazyGroup(entry.commands, default=entry.default, name=cmd_name, help=entry.help)
        found = import_module(f"ftcore.cli.{entry.module}").command
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; a usage error names the nearest ones when there is none."""
        name = args[0]
        if name in self.table or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = get_close_matches(name, self.table, n=3)
        known = (
            f"Did you mean {' or '.join(near)}?" if near else f"Commands: {', '.join(self.table)}"
        )
        raise click.UsageError(f"No such command {name!r}. {known}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their one-line helps."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.table.items()])
