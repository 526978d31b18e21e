"""Writes the report of a comparison: one HTML file, Markdown, JSON and the curves."""

from __future__ import annotations

import os
from pathlib import Path

from markupsafe import Markup

from ftcore.protocol import finite, write_json
from ftcore.report.compare_curves import CHART_COLOURS, curves_svg, curves_words
from ftcore.report.compare_data import Comparison
from ftcore.report.compare_view import context
from ftcore.report.curves import themed
from ftcore.report.grid import Grid
from ftcore.report.templating import template

PICTURE = "plots/loss.svg"


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write ``comparison.json``, ``report.md``, ``report.html`` and ``plots/loss.svg``.

    Returns the path of the page.
    """
    names = context(comparison)
    svg = curves_svg(comparison.variants)
    if svg is not None:
        _write(folder / PICTURE, svg)
    _write(folder / "report.md", to_markdown(names, picture=PICTURE if svg else None))
    page = folder / "report.html"
    _write(page, to_html(names, svg=svg, label=curves_words(comparison.variants)))
    write_json(finite(comparison.to_json()), folder / "comparison.json")
    return page


def to_html(names: dict[str, object], *, svg: str | None, label: str) -> str:
    """Return the page; it needs no other file."""
    return template("compare.html.jinja").render(
        **names,
        chart=Markup(themed(svg, label, CHART_COLOURS)) if svg else None,
        grid=_table,
    )


def to_markdown(names: dict[str, object], *, picture: str | None) -> str:
    """Return the report as Markdown; ``picture`` is the path of the curves beside it."""
    return template("compare.md.jinja").render(**names, picture=picture)


def _table(table: Grid) -> Markup:
    return Markup(table.to_html())


def _write(path: Path, text: str) -> None:
    """Write by atomic rename: a page that is open in a browser is never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    temporary.replace(path)
