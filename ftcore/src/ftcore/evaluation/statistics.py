"""Intervals and paired comparisons by bootstrap over rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Aggregate = Callable[[Array], Array]

NO_DIFFERENCE = "no significant difference"
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval in the metric's own unit; NaN at both ends where it is undefined."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Two values on the same rows, their difference (after minus before) and its interval.

    ``words`` is "higher", "lower" or "no significant difference"; ``better`` says whether a
    significant difference is an improvement, None where it is not significant.
    """

    before: float
    after: float
    difference: float
    low: float
    high: float
    significant: bool
    words: str
    better: bool | None
    n: int


def bootstrap_interval(
    counts: Array, aggregate: Aggregate, *, resamples: int = 2000, seed: int, level: float = 0.95
) -> Interval:
    """Return the percentile interval of the metric over resamples of rows.

    ``counts`` has shape (rows, columns); ``aggregate`` maps sums of shape (..., columns) to
    values of shape (...). Resamples on which the metric is undefined (NaN) are left out.
    Source: Efron and Tibshirani 1993, chapter 13.
    """
    counts = _as_counts(counts)
    values = _resampled(counts, aggregate, resamples, seed)
    return _percentiles(values, level)


def paired_difference(
    before: Array,
    after: Array,
    aggregate: Aggregate,
    *,
    resamples: int = 2000,
    seed: int,
    level: float = 0.95,
    higher_is_better: bool = True,
) -> PairedDifference:
    """Compare two runs on the same rows, in the same order, by the paired bootstrap.

    Every resample draws rows once and takes both runs' counts of them, so that what makes a row
    hard or easy cancels out. The difference is significant where its interval leaves out 0.
    Source: Efron and Tibshirani 1993; for language tasks Koehn 2004.
    """
    before, after = _as_counts(before), _as_counts(after)
    if before.shape != after.shape:
        raise ValueError(f"counts of shapes {before.shape} and {after.shape} are not paired")
    columns = before.shape[1]

    def difference(sums: Array) -> Array:
        return aggregate(sums[..., columns:]) - aggregate(sums[..., :columns])

    both = np.concatenate([before, after], axis=1)
    interval = _percentiles(_resampled(both, difference, resamples, seed), level)
    first, second = float(aggregate(before.sum(axis=0))), float(aggregate(after.sum(axis=0)))
    significant = interval.low > 0 or interval.high < 0
    higher = interval.low > 0
    return PairedDifference(
        before=first,
        after=second,
        difference=second - first,
        low=interval.low,
        high=interval.high,
        significant=significant,
        words=("higher" if higher else "lower") if significant else NO_DIFFERENCE,
        better=(higher == higher_is_better) if significant else None,
        n=len(before),
    )


def _resampled(counts: Array, aggregate: Aggregate, resamples: int, seed: int) -> Array:
    """Return the metric on each resample, without the undefined ones."""
    if len(counts) == 0:
        return np.empty(0)
    values = np.concatenate(
        [
            aggregate(weights @ counts)
            for weights in _weights(len(counts), resamples, np.random.default_rng(seed))
        ]
    )
    kept: Array = values[~np.isnan(values)]
    return kept


def _weights(rows: int, resamples: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield how often each resample draws each row, in blocks of shape (resamples, rows)."""
    block = max(1, _CELLS_AT_ONCE // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(0, rows, size=(size, rows)) + rows * np.arange(size)[:, None]
        flat = np.bincount(drawn.ravel(), minlength=size * rows)
        yield flat.reshape(size, rows).astype(np.float64)


def _percentiles(values: Array, level: float) -> Interval:
    if len(values) == 0:
        return Interval(float("nan"), float("nan"))
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _as_counts(counts: Array) -> Array:
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 2:
        raise ValueError(f"counts need the shape (rows, columns), not {counts.shape}")
    return counts
