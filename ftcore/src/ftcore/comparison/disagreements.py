"""Which test rows one variant gets right and another wrong."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ftcore.comparison.variants import Variant, metric_of
from ftcore.evaluation.score import MetricScore

MOST = 0.5  # right in more than this share of the seeds is right


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A test row on which variants differ.

    ``shares`` is the share of each variant's seeds whose answer is right, or, where nothing says
    what is right, the mean of the main metric on the row; ``apart`` the largest difference.
    """

    row_id: str
    shares: Mapping[str, float]
    apart: float


@dataclass(frozen=True, slots=True)
class PairCounts:
    """How many rows two variants get right: both, only one of them, neither (most seeds)."""

    one: str
    other: str
    both: int
    only_one: int
    only_other: int
    neither: int


@dataclass(frozen=True, slots=True)
class Disagreements:
    """The rows on which variants differ, those that differ most first.

    ``judged`` says that answers are right or wrong; else rows are compared by the main metric.
    """

    judged: bool
    rows: tuple[Disagreement, ...]
    pairs: tuple[PairCounts, ...]
    total: int


def find_disagreements(variants: Sequence[Variant], main: str) -> Disagreements:
    """Hold every test row that all runs answered against each other."""
    right = {variant.name: _right(variant, main) for variant in variants}
    judged = all(found is not None for found in right.values())
    values = {
        variant.name: (right[variant.name] if judged else _values(variant, main)) or {}
        for variant in variants
    }
    common = [row for row in next(iter(values.values()), {}) if _in_all(row, values)]
    rows = []
    for row_id in common:
        shares = {name: found[row_id] for name, found in values.items()}
        apart = max(shares.values()) - min(shares.values())
        if apart > 1e-9:
            rows.append(Disagreement(row_id, shares, apart))
    rows.sort(key=lambda row: -row.apart)
    pairs = _pairs(values, common) if judged else ()
    return Disagreements(judged, tuple(rows), pairs, len(common))


def _in_all(row_id: str, values: Mapping[str, Mapping[str, float]]) -> bool:
    return all(row_id in found for found in values.values())


def _pairs(
    values: Mapping[str, Mapping[str, float]], rows: Sequence[str]
) -> tuple[PairCounts, ...]:
    found = []
    for one, other in itertools.combinations(values, 2):
        counts = {(a, b): 0 for a in (True, False) for b in (True, False)}
        for row in rows:
            counts[values[one][row] > MOST, values[other][row] > MOST] += 1
        found.append(
            PairCounts(
                one,
                other,
                counts[True, True],
                counts[True, False],
                counts[False, True],
                counts[False, False],
            )
        )
    return tuple(found)


def _right(variant: Variant, main: str) -> dict[str, float] | None:
    """Return the share of seeds that are right on each row; None where a run does not say.

    A run that was not judged row by row is judged by a yes/no main metric.
    """
    by_run: list[Mapping[str, bool]] = []
    for run in variant.runs:
        if run.right is not None:
            by_run.append(run.right)
        elif main in run.scores.metrics and metric_of(main).yes_no:
            by_run.append({row: value > 0 for row, value in _rows(run.scores[main]).items()})
        else:
            return None
    return _means([{row: float(yes) for row, yes in found.items()} for found in by_run])


def _values(variant: Variant, main: str) -> dict[str, float]:
    return _means([_rows(score) for score in variant.scored(main)])


def _rows(score: MetricScore) -> dict[str, float]:
    """Return the metric on each row that defines it."""
    pairs = zip(score.row_ids, score.row_values.tolist(), strict=True)
    return {row_id: value for row_id, value in pairs if value == value}


def _means(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each row that all have."""
    if not found:
        return {}
    first, *others = found
    common = [row for row in first if all(row in other for other in others)]
    return {row: sum(values[row] for values in found) / len(found) for row in common}
