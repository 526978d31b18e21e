"""Grids and facts drawn by rich, for terminals."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ftcore.display.facts import Facts
from ftcore.report.grid import Cell, Grid

TONES = {"": "", "good": "green", "bad": "red", "even": "dim"}


def print_shown(console: Console, shown: Grid | Facts) -> None:
    """Print a grid or facts on ``console``; their texts are never read as markup."""
    console.print(draw_facts(shown) if isinstance(shown, Facts) else draw_grid(shown))


def draw_grid(grid: Grid) -> Table:
    """Return ``grid`` for rich, the row that matters most in bold."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in grid.columns:
        drawn.add_column(Text(column.title), justify="right" if column.number else "left")
    for number, row in enumerate(grid.rows):
        style = "bold" if number == grid.strong else None
        drawn.add_row(*(_cell(cell) for cell in row), style=style)
    return drawn


def _cell(cell: Cell) -> Text:
    text = Text(cell.text)
    if cell.note:
        text.append(f" ({cell.note})", style="dim")
    if cell.words:
        text.append(f" {cell.words}", style=TONES[cell.tone])
    return text


def draw_facts(facts: Facts) -> Table:
    """Return ``facts`` for rich, the names in bold."""
    drawn = Table(
        title=Text(facts.title, style="bold") if facts.title else None,
        title_justify="left",
        show_header=False,
        box=None,
        pad_edge=False,
    )
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, text in facts.pairs:
        drawn.add_row(Text(name), Text(text))
    return drawn
