"""A table of texts, drawn as plain text, Markdown or HTML."""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass
from typing import Literal

from ftcore.report.escaping import markdown_text

Tone = Literal["", "good", "bad", "even"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, a smaller note below or behind it, and words with a tone."""

    text: str
    note: str = ""
    words: str = ""
    tone: Tone = ""

    def plain(self) -> str:
        """Return everything on one line."""
        parts = [self.text, f"({self.note})" if self.note else "", self.words]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title, and whether it holds numbers (set to the right)."""

    title: str
    number: bool = True


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns and rows; ``strong`` is the number of the row that matters most, if one does."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    strong: int | None = None

    def to_text(self) -> str:
        """Return the table in aligned columns; wide (Chinese) characters count as two."""
        lines = [[column.title for column in self.columns]]
        lines += [[cell.plain() for cell in row] for row in self.rows]
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        padded = [
            "  ".join(
                _pad(text, width, right=column.number)
                for text, width, column in zip(line, widths, self.columns, strict=True)
            ).rstrip()
            for line in lines
        ]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([padded[0], rule, *padded[1:]])

    def to_markdown(self) -> str:
        """Return a table in GitHub's Markdown; every text is escaped."""
        lines = [
            [markdown_text(column.title) for column in self.columns],
            ["---:" if column.number else "---" for column in self.columns],
        ]
        for number, row in enumerate(self.rows):
            texts = [markdown_text(cell.plain()) for cell in row]
            if number == self.strong:
                texts[0] = f"**{texts[0]}**"
            lines.append(texts)
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def to_html(self) -> str:
        """Return a ``<table class="ft-table">``; every text is escaped.

        Cells carry their column's title in ``data-label``, so that a narrow page can stack them.
        """
        head = "".join(
            f'<th scope="col"{_side(column)}>{html.escape(column.title)}</th>'
            for column in self.columns
        )
        body = "".join(self._html_row(number, row) for number, row in enumerate(self.rows))
        return (
            f'<table class="ft-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        )

    def _html_row(self, number: int, row: tuple[Cell, ...]) -> str:
        cells = "".join(
            f"<td{_side(column)} data-label={_quoted(column.title)}>{_html_cell(cell)}</td>"
            for column, cell in zip(self.columns, row, strict=True)
        )
        return f'<tr class="strong">{cells}</tr>' if number == self.strong else f"<tr>{cells}</tr>"


def _html_cell(cell: Cell) -> str:
    parts = [f"<span>{html.escape(cell.text)}</span>"]
    if cell.note:
        parts.append(f"<small>{html.escape(cell.note)}</small>")
    if cell.words:
        tone = cell.tone or "even"
        parts.append(f'<em class="{tone}">{html.escape(cell.words)}</em>')
    return " ".join(parts)


def _side(column: Column) -> str:
    return f' style="text-align:{"right" if column.number else "left"}"'


def _quoted(text: str) -> str:
    return f'"{html.escape(text, quote=True)}"'


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
