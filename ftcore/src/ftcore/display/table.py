"""A table of texts that can be shown as plain lines and as HTML."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

GAP = "  "


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under ``columns``; an empty heading line is left out.

    ``right`` are the numbers of the columns that are aligned to the right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    right: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        columns: Iterable[str],
        rows: Iterable[Iterable[object]],
        *,
        title: str = "",
        right: Iterable[int] = (),
    ) -> Table:
        """Return a table of anything; None becomes an empty cell."""
        cells = (tuple("" if cell is None else str(cell) for cell in row) for row in rows)
        return cls(tuple(columns), tuple(cells), title, frozenset(right))

    @property
    def has_heading(self) -> bool:
        """Whether any column has a name."""
        return any(self.columns)

    def to_text(self) -> str:
        """Return aligned lines without colour, for logs and pipes."""
        lines = [self.columns, *self.rows] if self.has_heading else list(self.rows)
        widths = [max((width(line[i]) for line in lines), default=0) for i in self._numbers()]
        text = [
            GAP.join(self._cell(line[i], i, widths[i]) for i in self._numbers()).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *text] if self.title else text)

    def to_html(self) -> str:
        """Return one ``<table>`` element, as a notebook shows it."""
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        heading = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        head = f"<thead><tr>{heading}</tr></thead>" if self.has_heading else ""
        body = "".join(f"<tr>{''.join(self._html_cells(row))}</tr>" for row in self.rows)
        return f'<table class="ft-table">{caption}{head}<tbody>{body}</tbody></table>'

    def _repr_html_(self) -> str:
        return self.to_html()

    def __str__(self) -> str:
        return self.to_text()

    def _numbers(self) -> range:
        return range(len(self.columns))

    def _cell(self, text: str, number: int, wanted: int) -> str:
        space = " " * (wanted - width(text))
        return space + text if number in self.right else text + space

    def _html_cells(self, row: tuple[str, ...]) -> list[str]:
        return [
            f'<td style="text-align:{"right" if number in self.right else "left"};'
            f'white-space:pre-wrap">{escape(cell)}</td>'
            for number, cell in enumerate(row)
        ]


def width(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
