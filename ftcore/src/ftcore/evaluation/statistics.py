"""Paired comparisons of two runs on the same rows, and the correction for many of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ftcore.evaluation.intervals import UNDEFINED, Interval, as_counts, bootstrap_interval
from ftcore.evaluation.resampling import Aggregate, Array, resample
from ftcore.evaluation.yes_no import difference_interval, fewest_detectable, mcnemar

NO_DIFFERENCE = "no significant difference"
# 97.5% and 80% quantiles of the normal law: a test at 5% that finds the effect in 4 of 5 cases.
_DETECTABLE = 1.959964 + 0.841621

__all__ = [
    "NO_DIFFERENCE",
    "Aggregate",
    "Array",
    "Interval",
    "PairedDifference",
    "bootstrap_interval",
    "corrected",
    "holm",
    "paired_difference",
]


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Two values on the same rows, their difference (after minus before) and its interval.

    ``p_value`` is that of this comparison alone, ``p_adjusted`` the one that decides: the same,
    or Holm's where several metrics are compared at once. ``words`` is "higher", "lower" or
    "no significant difference"; ``better`` says whether a significant difference is an
    improvement, None where it is not significant or the metric has no better direction.
    ``detectable`` is the smallest true difference
    that such a comparison would notice in 4 of 5 cases; NaN where the rows do not say.
    """

    before: float
    after: float
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    significant: bool
    words: str
    better: bool | None
    detectable: float
    n: int


def paired_difference(
    before: Array,
    after: Array,
    aggregate: Aggregate,
    *,
    resamples: int = 2000,
    seed: int,
    level: float = 0.95,
    higher_is_better: bool | None = True,
    yes_no: bool = False,
) -> PairedDifference:
    """Compare two runs on the same rows, in the same order.

    By the paired bootstrap: every resample draws rows once and takes both runs' counts of them,
    so that what makes a row hard or easy cancels out (Efron and Tibshirani 1993; for language
    tasks Koehn 2004); interval and p-value by the symmetric bootstrap-t (Hall 1988). A ``yes_no``
    metric is compared by McNemar's mid-p test with Tango's score interval.
    """
    before, after = as_counts(before), as_counts(after)
    if before.shape != after.shape:
        raise ValueError(f"counts of shapes {before.shape} and {after.shape} are not paired")
    first, second = (float(aggregate(counts.sum(axis=0))) for counts in (before, after))
    if yes_no and len(before):
        interval, p_value, detectable = _compare_yes_no(before, after, level)
    else:
        interval, p_value, detectable = _compare(before, after, aggregate, resamples, seed, level)
    compared = PairedDifference(
        before=first,
        after=second,
        difference=second - first,
        low=interval.low,
        high=interval.high,
        p_value=p_value,
        p_adjusted=p_value,
        significant=False,
        words=NO_DIFFERENCE,
        better=None,
        detectable=detectable,
        n=len(before),
    )
    return _decided(compared, p_value, higher_is_better, level)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return adjusted p-values: with many comparisons, one in 20 would be "significant" by luck.

    The k-th smallest is multiplied by the number of those not smaller, and never falls below the
    adjusted value before it. Undefined ones stay so and do not count. Source: Holm 1979.
    """
    defined = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(defined):
        largest = max(largest, min(1.0, p * (len(defined) - rank)))
        adjusted[place] = largest
    return adjusted


def corrected(
    differences: Mapping[str, PairedDifference],
    higher_is_better: Mapping[str, bool | None],
    *,
    alone: str | None = None,
    level: float = 0.95,
) -> dict[str, PairedDifference]:
    """Return the differences decided by Holm's adjusted p-values.

    ``alone`` is the metric that was named beforehand as the one that decides; it is judged by
    itself. Intervals stay those of each comparison alone.
    """
    names = [name for name in differences if name != alone]
    adjusted = dict(zip(names, holm([differences[name].p_value for name in names]), strict=True))
    return {
        name: _decided(found, adjusted.get(name, found.p_value), higher_is_better[name], level)
        for name, found in differences.items()
    }


def _decided(
    compared: PairedDifference, p_adjusted: float, higher_is_better: bool | None, level: float
) -> PairedDifference:
    significant = p_adjusted < 1 - level  # False where it is NaN
    higher = compared.difference > 0
    better = None if higher_is_better is None or not significant else higher == higher_is_better
    return replace(
        compared,
        p_adjusted=p_adjusted,
        significant=significant,
        words=("higher" if higher else "lower") if significant else NO_DIFFERENCE,
        better=better,
    )


def _compare(
    before: Array, after: Array, aggregate: Aggregate, resamples: int, seed: int, level: float
) -> tuple[Interval, float, float]:
    """Return interval, p-value and detectable difference by the paired bootstrap."""
    columns, rows = before.shape[1], len(before)

    def difference(sums: Array) -> Array:
        return aggregate(sums[..., columns:]) - aggregate(sums[..., :columns])

    if rows == 0:
        return UNDEFINED, math.nan, math.nan
    drawn = resample(np.concatenate([before, after], axis=1), difference, resamples, seed)
    if math.isnan(drawn.value):
        return UNDEFINED, math.nan, math.nan
    if drawn.error == 0 or len(drawn.values) == 0:
        # One row shows nothing, and no row that differs shows no difference.
        shown = rows > 1 and drawn.value != 0
        same = Interval(drawn.value, drawn.value) if rows > 1 else UNDEFINED
        # All rows differ by the same amount: the sign test.
        return same, min(1.0, 2 * 0.5**rows) if shown else 1.0, math.nan
    half = drawn.quantile(level) * drawn.error
    interval = Interval(drawn.value - half, drawn.value + half)
    return interval, drawn.p_value(), _DETECTABLE * drawn.error


def _compare_yes_no(before: Array, after: Array, level: float) -> tuple[Interval, float, float]:
    """Return interval, p-value and detectable difference from the rows that changed."""
    rows, change = len(before), after[:, 0] - before[:, 0]
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    p_value = mcnemar(lost, gained)
    low, high = difference_interval(lost, gained, rows, level)
    if p_value >= 1 - level:
        # The exact test is a little stricter than the interval's; they must not disagree.
        low, high = min(low, 0.0), max(high, 0.0)
    error = math.sqrt(gained + lost - (gained - lost) ** 2 / rows) / rows
    return Interval(low, high), p_value, max(_DETECTABLE * error, fewest_detectable(rows))
