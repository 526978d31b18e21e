"""Facts (named texts) and grids (columns of texts), for terminals, logs and notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from ftcore.report.grid import Cell, Column, Grid


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of name and text under a title; a name may come twice."""

    pairs: tuple[tuple[str, str], ...]
    title: str = ""

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, object]], title: str = "") -> Facts:
        """Return facts of anything that has a text."""
        return cls(tuple((name, str(value)) for name, value in pairs), title)

    def to_text(self) -> str:
        """Return one line a fact, the texts aligned."""
        width = max((len(name) for name, _ in self.pairs), default=0)
        lines = [f"{name:<{width}}  {text}".rstrip() for name, text in self.pairs]
        return "\n".join([self.title, *lines] if self.title else lines)

    def to_html(self) -> str:
        """Return one ``<table>`` element, as a notebook shows it."""
        caption = f"<caption><b>{escape(self.title)}</b></caption>" if self.title else ""
        left = ' style="text-align:left"'
        rows = "".join(
            f"<tr><th{left}>{escape(name)}</th><td{left}>{escape(text)}</td></tr>"
            for name, text in self.pairs
        )
        return f'<table class="ft-facts">{caption}<tbody>{rows}</tbody></table>'

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()


def text_grid(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> Grid:
    """Return a grid of plain texts, all set to the left; None is an empty cell."""
    return Grid(
        tuple(Column(title, number=False) for title in titles),
        tuple(tuple(Cell("" if text is None else str(text)) for text in row) for row in rows),
    )
