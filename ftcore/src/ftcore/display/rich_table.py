"""A table drawn by rich, for terminals."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ftcore.display.table import Table


def to_rich(table: Table) -> RichTable:
    """Return ``table`` for rich; cells are texts, never markup."""
    drawn = RichTable(
        title=Text(table.title) if table.title else None,
        title_justify="left",
        show_header=table.has_heading,
        box=box.SIMPLE_HEAD if table.has_heading else None,
        pad_edge=False,
    )
    for number, name in enumerate(table.columns):
        drawn.add_column(
            Text(name),
            justify="right" if number in table.right else "left",
            style="bold" if number == 0 else None,
            no_wrap=number == 0,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def print_table(console: Console, table: Table) -> None:
    """Print ``table`` on ``console``."""
    console.print(to_rich(table))
