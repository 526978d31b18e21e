"""Score predictions: every metric's value, interval and per-row counts; compare two scorings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftcore.errors import DataError, Problem
from ftcore.evaluation.metric import Array, Example, Metric, MetricContext, get_metric
from ftcore.evaluation.statistics import (
    Interval,
    PairedDifference,
    bootstrap_interval,
    corrected,
    paired_difference,
)

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class MetricScore:
    """One metric on the rows it applies to.

    ``counts`` has shape (n, columns), ``row_values`` shape (n,): the metric on that row alone,
    NaN where a single row leaves it undefined. ``value`` is NaN where all rows do. ``columns``
    names the counts.
    """

    name: str
    value: float
    interval: Interval
    row_ids: tuple[str, ...]
    counts: Array
    row_values: Array
    columns: tuple[str, ...]

    @property
    def n(self) -> int:
        """The number of rows that count."""
        return len(self.row_ids)

    def summary(self) -> dict[str, Any]:
        """Return value, interval and number of rows as plain data; undefined values as null."""
        low, high = _number(self.interval.low), _number(self.interval.high)
        return {"value": _number(self.value), "low": low, "high": high, "n": self.n}


@dataclass(frozen=True, slots=True)
class Scores:
    """Every metric's score on the same examples, in the order in which they were asked for."""

    metrics: dict[str, MetricScore]
    seed: int = 0
    resamples: int = RESAMPLES

    def __getitem__(self, name: str) -> MetricScore:
        return self.metrics[name]

    def subset(self, row_ids: Iterable[str]) -> Scores:
        """Return the scores on those rows alone, with intervals of their own."""
        wanted = set(row_ids)
        parts = {}
        for name, score in self.metrics.items():
            kept = [i for i, row_id in enumerate(score.row_ids) if row_id in wanted]
            ids = tuple(score.row_ids[i] for i in kept)
            counts = score.counts[kept]
            metric = get_metric(name)()
            parts[name] = _metric_score(
                metric, ids, counts, score.columns, self.seed, self.resamples
            )
        return Scores(parts, self.seed, self.resamples)

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return value, interval and number of rows of each metric as plain data."""
        return {name: score.summary() for name, score in self.metrics.items()}

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data: figures, and each row's counts."""
        data: dict[str, Any] = {"seed": self.seed, "resamples": self.resamples, "metrics": {}}
        for name, score in self.metrics.items():
            metric = get_metric(name)()
            data["metrics"][name] = score.summary() | {
                "title": metric.title,
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
                "definition": metric.definition,
                "signature": metric.signature(),
                "columns": list(score.columns),
                "row_ids": list(score.row_ids),
                "counts": score.counts.tolist(),
                "row_values": [_number(value) for value in score.row_values.tolist()],
            }
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scores:
        """Return the scores that ``to_json`` wrote; the figures are read, not computed again."""
        parts = {}
        for name, score in data["metrics"].items():
            columns = len(score["columns"])
            parts[name] = MetricScore(
                name=name,
                value=_float(score["value"]),
                interval=Interval(_float(score["low"]), _float(score["high"])),
                row_ids=tuple(score["row_ids"]),
                counts=np.array(score["counts"], dtype=np.float64).reshape(-1, columns),
                row_values=np.array([_float(value) for value in score["row_values"]]),
                columns=tuple(score["columns"]),
            )
        return cls(parts, data["seed"], data["resamples"])


def score(
    examples: Sequence[Example],
    metric_names: Sequence[str],
    context: MetricContext,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Scores:
    """Score the examples; each metric counts the rows it applies to.

    Raises RecipeError for an unknown metric and DataError for a row that cannot be scored
    (``problems`` finds both before any compute). The context's SQL process ends with the call.
    """
    parts = {}
    try:
        for name in metric_names:
            metric = get_metric(name)()
            rows = [example for example in examples if metric.applies(example)]
            columns = metric.begin(rows, context)
            counts = np.array([metric.score_row(row, context) for row in rows], dtype=np.float64)
            counts = counts.reshape(len(rows), len(columns))
            ids = tuple(row.row_id for row in rows)
            parts[name] = _metric_score(metric, ids, counts, columns, seed, resamples)
    finally:
        context.close()
    return Scores(parts, seed, resamples)


def problems(
    examples: Sequence[Example], metric_names: Sequence[str], context: MetricContext
) -> list[Problem]:
    """Return what would keep the rows from being scored, each once; predictions may be empty."""
    found: dict[Problem, None] = {}
    try:
        for name in metric_names:
            metric = get_metric(name)()
            rows = [example for example in examples if metric.applies(example)]
            found.update(dict.fromkeys(metric.problems(rows, context)))
    finally:
        context.close()
    return list(found)


def compare(
    before: Scores,
    after: Scores,
    *,
    main: str | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, PairedDifference]:
    """Compare each metric that both have, paired by row id.

    ``main`` is the metric named beforehand as the one that decides; the others are corrected for
    being many. Raises DataError where the two were not scored on the same rows or not by the same
    counts.
    """
    compared, directions = {}, {}
    for name, first in before.metrics.items():
        if name not in after.metrics:
            continue
        second = after.metrics[name]
        order = _same_rows(name, first.row_ids, second.row_ids)
        _same_columns(name, first.columns, second.columns)
        metric = get_metric(name)()
        directions[name] = metric.higher_is_better
        compared[name] = paired_difference(
            first.counts,
            second.counts[order],
            metric.aggregate,
            resamples=resamples,
            seed=seed,
            higher_is_better=metric.higher_is_better,
            yes_no=metric.yes_no,
        )
    return corrected(compared, directions, alone=main)


def slices(scores: Scores, examples: Sequence[Example], field: str) -> dict[str, Scores]:
    """Return the scores for each value of a row field, by value; rows without it are left out.

    Two slices of the same value, before and after, can be given to ``compare``.
    """
    groups: dict[str, list[str]] = {}
    for example in examples:
        value = example.fields.get(field)
        if value is not None:
            groups.setdefault(str(value), []).append(example.row_id)
    return {value: scores.subset(groups[value]) for value in sorted(groups)}


def differences_to_json(differences: Mapping[str, PairedDifference]) -> dict[str, dict[str, Any]]:
    """Return what ``compare`` found as plain data; undefined values as null."""
    return {
        name: {
            key: _number(value) if isinstance(value, float) else value
            for key, value in asdict(difference).items()
        }
        for name, difference in differences.items()
    }


def _metric_score(
    metric: Metric,
    ids: tuple[str, ...],
    counts: Array,
    columns: tuple[str, ...],
    seed: int,
    resamples: int,
) -> MetricScore:
    interval = bootstrap_interval(
        counts,
        metric.aggregate,
        resamples=resamples,
        seed=seed,
        limits=metric.limits,
        yes_no=metric.yes_no,
    )
    return MetricScore(
        name=metric.name,
        value=float(metric.aggregate(counts.sum(axis=0))),
        interval=interval,
        row_ids=ids,
        counts=counts,
        row_values=np.asarray(metric.aggregate(counts), dtype=np.float64),
        columns=columns,
    )


def _same_rows(name: str, first: tuple[str, ...], second: tuple[str, ...]) -> list[int]:
    """Return where ``second`` holds each row of ``first``; DataError where the rows differ."""
    places = {row_id: place for place, row_id in enumerate(second)}
    if len(first) != len(second) or any(row_id not in places for row_id in first):
        only_first, only_second = set(first) - set(second), set(second) - set(first)
        raise DataError(
            f"{name}: the two runs were not scored on the same rows "
            f"({len(only_first)} only before, {len(only_second)} only after)",
            hint="compare runs of one test set, split with the same seed",
            code="evaluation.rows-differ",
            details={"before": sorted(only_first)[:10], "after": sorted(only_second)[:10]},
        )
    return [places[row_id] for row_id in first]


def _same_columns(name: str, first: tuple[str, ...], second: tuple[str, ...]) -> None:
    if first != second:
        raise DataError(
            f"{name}: the two runs were scored by different counts: {', '.join(first)} and "
            f"{', '.join(second)}",
            hint="compare runs whose recipes list the same labels",
            code="evaluation.counts-differ",
        )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _float(value: float | None) -> float:
    return float("nan") if value is None else float(value)
