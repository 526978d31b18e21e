"""Writes the report as Markdown that GitHub and plain eyes can read."""

from __future__ import annotations

from ftcore.report.collect import ReportData
from ftcore.report.templating import template
from ftcore.report.view import context


def to_markdown(data: ReportData, *, picture: str | None) -> str:
    """Return ``report.md``; ``picture`` is the path of the curves beside it, if there are any."""
    return template("report.md.jinja").render(**context(data), picture=picture)
