"""Means and differences over several seeds: the seed is the unit of replication.

The variance of a mean over K seeds has two parts: the seeds (their scores' variance over K), and
the test rows, which all seeds share. Row noise that is each seed's own is in both, so it is taken
off once: V = V_seeds + max(0, V_rows - V_both), the variance under two-way clustering (Cameron,
Gelbach and Miller 2011), with V_rows and V_both from each row's linearised influence. It is never
less than V_seeds, and it is judged by Student's t with the degrees of freedom of the seeds alone
(Welch 1947 for two groups), so false differences are not more frequent than with Welch's test.

A bootstrap over seeds was left: with 3 to 5 seeds it draws from too few to see their spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.evaluation.intervals import UNDEFINED, Interval
from ftcore.evaluation.resampling import Aggregate, Array, influence
from ftcore.evaluation.statistics import NO_DIFFERENCE, PairedDifference

_POWER = 0.8
_NOISE = 1e-12  # a variance below this share of the squared score is rounding


@dataclass(frozen=True, slots=True)
class SeedMean:
    """A metric over seeds: the mean of their scores, its 95% interval, and their spread.

    ``scores`` has one value a seed; ``sd`` is their standard deviation and ``row_error`` the
    standard error of the mean by the test rows. NaN where one seed leaves a figure undefined.
    """

    value: float
    interval: Interval
    scores: tuple[float, ...]
    sd: float
    row_error: float


@dataclass(frozen=True, slots=True)
class _Side:
    """The seeds of one variant: their scores (seeds,), and influences (seeds, rows)."""

    scores: Array
    influences: Array

    def __sub__(self, other: _Side) -> _Side:
        return _Side(self.scores - other.scores, self.influences - other.influences)

    @property
    def seeds(self) -> int:
        return len(self.scores)

    def by_seeds(self) -> float:
        """Return the variance of the mean by the seeds' scores."""
        found = float(self.scores.var(ddof=1)) / self.seeds
        return found if found > (_NOISE * float(np.abs(self.scores).max())) ** 2 else 0.0

    def by_both(self) -> float:
        """Return what of that is row noise of each seed's own."""
        rest = self.influences - self.influences.mean(axis=0)
        return float((rest**2).sum()) / (self.seeds * (self.seeds - 1)) * self.correction

    @property
    def correction(self) -> float:
        rows = self.influences.shape[1]
        return float(rows / max(rows - 1, 1))


def mean_over_seeds(
    counts: Sequence[Array],
    aggregate: Aggregate,
    *,
    limits: tuple[float, float] | None = None,
    level: float = 0.95,
) -> SeedMean:
    """Return the mean of two or more seeds' scores; ``counts`` has (rows, columns) for each.

    The degrees of freedom of its interval are those of seeds and rows (Satterthwaite 1946).

    Raises ValueError for fewer than two seeds, or where their rows are not the same number.
    """
    side = _side(counts, aggregate)
    value, scores = float(side.scores.mean()), tuple(side.scores.tolist())
    if not math.isfinite(value):
        return SeedMean(math.nan, UNDEFINED, scores, math.nan, math.nan)
    by_rows = float((side.influences.mean(axis=0) ** 2).sum()) * side.correction
    by_seeds = side.by_seeds()
    variance = _together(by_seeds, by_rows, side.by_both())
    rows = side.influences.shape[1]
    degrees = _pooled(((by_seeds, side.seeds - 1), (variance - by_seeds, max(rows - 1, 1))))
    half = _quantile((1 + level) / 2, degrees) * math.sqrt(variance)
    low, high = value - half, value + half
    if limits is not None:
        low, high = max(low, limits[0]), min(high, limits[1])
    deviation = float(side.scores.std(ddof=1))
    return SeedMean(value, Interval(low, high), scores, deviation, math.sqrt(by_rows))


def difference_over_seeds(
    before: Sequence[Array],
    after: Sequence[Array],
    aggregate: Aggregate,
    *,
    matched: bool,
    level: float = 0.95,
) -> PairedDifference:
    """Compare two variants by two or more seeds each, on the same test rows in the same order.

    ``matched`` says that both lists have the same seeds in the same order: a seed fixes the order
    of the rows, the initial adapter and the noise of both trainings alike, so that the difference
    is taken within each seed. What is found is not decided yet: see `statistics.corrected`.
    """
    first, second = _side(before, aggregate), _side(after, aggregate)
    means = float(first.scores.mean()), float(second.scores.mean())
    if first.influences.shape[1] != second.influences.shape[1]:
        raise ValueError("the two sides have different test rows")
    difference = means[1] - means[0]
    found = (math.nan, math.nan, math.nan, math.nan)
    if math.isfinite(difference):
        if matched:
            variance, degrees = _matched(second - first)
        else:
            variance, degrees = _independent(first, second)
        least = _least_p(first.seeds, second.seeds, matched)
        found = _judged(difference, variance, degrees, least, level)
    low, high, p_value, detectable = found
    return PairedDifference(
        before=means[0],
        after=means[1],
        difference=difference,
        low=low,
        high=high,
        p_value=p_value,
        p_adjusted=p_value,
        significant=False,
        words=NO_DIFFERENCE,
        better=None,
        detectable=detectable,
        n=first.influences.shape[1],
    )


def _side(counts: Sequence[Array], aggregate: Aggregate) -> _Side:
    if len(counts) < 2 or len({len(rows) for rows in counts}) != 1:
        raise ValueError("two or more seeds on the same test rows are needed")
    scores = np.array([float(aggregate(rows.sum(axis=0))) for rows in counts])
    return _Side(scores, np.stack([influence(rows, aggregate) for rows in counts]))


def _matched(within: _Side) -> tuple[float, float]:
    """Return the variance of the mean difference within seeds, and its degrees of freedom."""
    by_rows = float((within.influences.mean(axis=0) ** 2).sum()) * within.correction
    variance = _together(within.by_seeds(), by_rows, within.by_both())
    return variance, within.seeds - 1


def _independent(first: _Side, second: _Side) -> tuple[float, float]:
    """Return the variance of the difference of two means, and Welch's degrees of freedom."""
    parts = [(side.by_seeds(), side.seeds - 1) for side in (first, second)]
    by_seeds = sum(part for part, _ in parts)
    change = second.influences.mean(axis=0) - first.influences.mean(axis=0)
    by_rows = float((change**2).sum()) * first.correction
    variance = _together(by_seeds, by_rows, first.by_both() + second.by_both())
    return variance, _pooled(parts)


def _pooled(parts: Sequence[tuple[float, float]]) -> float:
    """Return the degrees of freedom of a sum of variances (Satterthwaite 1946)."""
    total = sum(part for part, _ in parts)
    if total == 0:
        return sum(degrees for _, degrees in parts)
    return total**2 / sum(part**2 / degrees for part, degrees in parts)


def _together(by_seeds: float, by_rows: float, by_both: float) -> float:
    """Return the variance by seeds and rows; where no seed differs, by rows alone."""
    return by_seeds + max(0.0, by_rows - by_both) if by_seeds else by_rows


def _judged(
    difference: float, variance: float, degrees: float, least: float, level: float
) -> tuple[float, float, float, float]:
    """Return interval, p-value and the difference that would mostly be noticed."""
    from scipy.special import stdtr  # type: ignore[import-untyped]

    error = math.sqrt(variance)
    if error == 0:  # no row and no seed says how far a difference may come by chance
        return difference, difference, 1.0 if difference == 0 else least, math.nan
    p_value = 2 * float(stdtr(degrees, -abs(difference) / error))
    limit = _quantile((1 + level) / 2, degrees)
    half, seen = limit * error, (limit + _quantile(_POWER, degrees)) * error
    return difference - half, difference + half, p_value, seen


def _least_p(first: int, second: int, matched: bool) -> float:
    """Return the smallest p-value of a permutation test with so many seeds."""
    return min(1.0, 2 * 0.5**first if matched else 2 / math.comb(first + second, first))


def _quantile(probability: float, degrees: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
