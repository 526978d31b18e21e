"""Writes a run's reports from what its directory holds."""

from __future__ import annotations

import os
from pathlib import Path

from ftcore.report.collect import collect
from ftcore.report.html import to_html
from ftcore.report.markdown import to_markdown
from ftcore.runs.folder import RunFolder

PICTURE = "plots/loss.svg"


def write_report(run: RunFolder) -> Path:
    """Write ``report.md``, ``report.html`` and ``plots/loss.svg``; return the path of the page.

    Only the run directory is read; a run that did not finish gets a report of what there is.
    Raises ProtocolViolation for a file of the run that is damaged.
    """
    data = collect(run)
    svg = data.curves.svg() if data.curves else None
    if svg is not None:
        _write(run.file(PICTURE), svg)
    else:
        run.file(PICTURE).unlink(missing_ok=True)
    _write(run.file("report.md"), to_markdown(data, picture=PICTURE if svg else None))
    page = run.file("report.html")
    _write(page, to_html(data, svg=svg))
    return page


def _write(path: Path, text: str) -> None:
    """Write by atomic rename: a page that is open in a browser is never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    temporary.replace(path)
