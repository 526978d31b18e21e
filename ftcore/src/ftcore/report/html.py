"""Writes the report as one HTML file that needs nothing else: no script, no outside address."""

from __future__ import annotations

from markupsafe import Markup

from ftcore.report.collect import ReportData
from ftcore.report.curves import themed
from ftcore.report.grid import Grid
from ftcore.report.tables import MetricTable, SliceTable
from ftcore.report.templating import template
from ftcore.report.view import context


def to_html(data: ReportData, *, svg: str | None) -> str:
    """Return ``report.html``; ``svg`` is the picture of the curves, if there is one."""
    label = data.curves.summary() if data.curves else ""
    return template("report.html.jinja").render(
        **context(data),
        chart=Markup(themed(svg, label)) if svg else None,
        grid=_table,
    )


def _table(table: Grid | MetricTable | SliceTable) -> Markup:
    return Markup((table if isinstance(table, Grid) else table.grid()).to_html())
