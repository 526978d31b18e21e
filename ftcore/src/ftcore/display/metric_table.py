"""The metrics of a run as a table: before, few-shot, after, and the paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftcore.display.table import Table
from ftcore.display.words import figure

TITLES = {"before": "before", "few_shot": "few-shot", "after": "after"}


def metric_table(metrics: Mapping[str, Any], titles: Mapping[str, str] = TITLES) -> Table:
    """Return the table of ``metrics.json``, values with 95% intervals, the main metric starred.

    ``titles`` names the stages' columns. Differences are after minus a baseline, on the same rows.
    """
    stages = {name: data for name, data in metrics["stages"].items() if name in titles}
    baselines = [name for name in ("before", "few_shot") if name in metrics["differences"]]
    heads = [titles[name] for name in stages]
    heads += [f"{titles['after']} − {titles[name]}" for name in baselines]
    names = list(dict.fromkeys(name for data in stages.values() for name in data))
    rows = []
    for name in names:
        starred = f"{name} *" if name == metrics["main_metric"] else name
        cells = [value_text(data.get(name)) for data in stages.values()]
        cells += [difference_text(metrics["differences"][base].get(name)) for base in baselines]
        rows.append((starred, *cells, _rows(stages, name)))
    return Table.of(("metric", *heads, "rows"), rows, right=(len(heads) + 1,))


def value_text(score: Mapping[str, Any] | None) -> str:
    """Return a value with its interval: ``0.623 [0.551, 0.690]``."""
    if not score or score["value"] is None:
        return "–"
    return f"{figure(score['value'])} [{figure(score['low'])}, {figure(score['high'])}]"


def difference_text(found: Mapping[str, Any] | None) -> str:
    """Return a paired difference with its interval and what it means."""
    if not found or found["difference"] is None:
        return "–"
    numbers = f"{found['difference']:+.3f} [{_signed(found['low'])}, {_signed(found['high'])}]"
    verdict = {True: "better", False: "worse", None: str(found["words"])}[found["better"]]
    return f"{numbers} {verdict}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _rows(stages: Mapping[str, Any], name: str) -> str:
    counts = {str(data[name]["n"]) for data in stages.values() if name in data}
    return "/".join(sorted(counts))
