"""Previewed rows on a terminal, as plain text, and as a page of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import overload

from ftcore.engine.preview import PreviewRow
from ftcore.rendering.preview import Segment, to_ansi, to_html, visible

LEGEND = (
    Segment("prompt", "prompt"),
    Segment("answer: trained on", "supervised", True),
    Segment("special token", "special"),
    Segment("on a boundary: not trained on", "boundary"),
)
OPEN, CLOSE = "⟦", "⟧"


class Preview(Sequence[PreviewRow]):
    """Previewed rows, rendered in colour by a notebook."""

    def __init__(self, rows: Sequence[PreviewRow]) -> None:
        self._rows = tuple(rows)

    @overload
    def __getitem__(self, index: int) -> PreviewRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PreviewRow]: ...

    def __getitem__(self, index: int | slice) -> PreviewRow | Sequence[PreviewRow]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_ansi(self) -> str:
        """Return the rows for a terminal, with a legend first."""
        parts = ["  ".join(to_ansi([segment]) for segment in LEGEND)]
        parts += [f"── {row.caption()}\n{to_ansi(row.segments)}" for row in self._rows]
        return "\n\n".join(parts)

    def to_text(self) -> str:
        """Return the rows without colour; what is trained on stands in ⟦ ⟧."""
        parts = [f"what is trained on stands in {OPEN} {CLOSE}"]
        parts += [f"-- {row.caption()}\n{''.join(_plain(row.segments))}" for row in self._rows]
        return "\n\n".join(parts)

    def to_html(self) -> str:
        """Return the rows as HTML elements, with a legend first."""
        legend = "".join(to_html([segment]) for segment in LEGEND)
        rows = "".join(
            f"<h4>{escape(visible(row.caption()))}</h4>{to_html(row.segments)}"
            for row in self._rows
        )
        return f'<div class="ft-preview"><div>{legend}</div>{rows}</div>'

    def to_page(self, title: str) -> str:
        """Return a whole HTML page."""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>body{{max-width:60rem;margin:2rem auto;"
            "padding:0 1rem;font-family:system-ui,sans-serif;background:#fff;color:#111}"
            "h4{margin:2rem 0 .5rem;font-weight:600}pre{margin:0;overflow-wrap:anywhere}"
            f"</style></head><body><h1>{escape(title)}</h1>{self.to_html()}</body></html>\n"
        )


def _plain(segments: Sequence[Segment]) -> Iterator[str]:
    inside = False
    for segment in segments:
        if segment.supervised != inside:
            yield OPEN if segment.supervised else CLOSE
            inside = segment.supervised
        yield visible(segment.text)
    if inside:
        yield CLOSE
