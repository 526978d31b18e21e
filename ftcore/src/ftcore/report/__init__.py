"""The report of a run: `report.md`, `report.html` and the loss curves, from the run's files."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftcore.report.tables import MetricTable, SliceTable
    from ftcore.report.write import write_report

__all__ = ["MetricTable", "SliceTable", "write_report"]

_HOMES = {"write_report": "write", "MetricTable": "tables", "SliceTable": "tables"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
