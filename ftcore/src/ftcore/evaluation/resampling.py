"""The bootstrap over rows, studentised: every resample with its value and its standard error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Aggregate = Callable[[Array], Array]

_CELLS_AT_ONCE = 2_000_000
_STEP = 1e-6  # of a sum, for the numerical derivative
_NOISE = 1e-9  # a standard error below this share of the value is rounding


@dataclass(frozen=True, slots=True)
class Resamples:
    """A metric on all rows and on each resample, always with its standard error.

    ``values`` and ``errors`` have shape (resamples,); resamples on which the metric is undefined
    are left out. ``error`` is 0 where the rows do not differ in what the metric sees.
    """

    value: float
    error: float
    values: Array
    errors: Array
    rows: int

    def quantile(self, level: float) -> float:
        """Return how many standard errors the interval is wide to each side.

        Never fewer than Student's t: resamples of very few rows hardly differ.
        """
        from scipy.special import stdtrit  # type: ignore[import-untyped]

        distances = self._distances()
        student = float(stdtrit(self.rows - 1, (1 + level) / 2))
        if len(distances) == 0:
            return student
        place = min(math.ceil(level * (len(distances) + 1)) - 1, len(distances) - 1)
        return max(student, float(distances[place]))

    def p_value(self) -> float:
        """Return how often a resample is as far from the value as the value is from 0."""
        from scipy.special import stdtr

        distances, observed = self._distances(), abs(self.value) / self.error
        as_far = len(distances) - np.searchsorted(distances, observed * (1 - 1e-9))
        student = 2 * float(stdtr(self.rows - 1, -observed))
        return max(student, (1 + float(as_far)) / (len(distances) + 1))

    def _distances(self) -> Array:
        """Return how far each resample is from the value, in its own standard errors, sorted.

        Resamples of equal rows have no standard error and are left out.
        """
        usable = self.errors > 0
        found: Array = np.abs(self.values[usable] - self.value) / self.errors[usable]
        found.sort()
        return found


def resample(counts: Array, aggregate: Aggregate, resamples: int, seed: int) -> Resamples:
    """Draw as many rows as there are, with replacement, ``resamples`` times.

    ``counts`` has shape (rows, columns); ``aggregate`` maps sums of shape (..., columns) to
    values of shape (...). The standard error of a value is that of the linearised metric: the
    derivative by each sum, times the row's counts, has a variance over rows (the delta method,
    also called the infinitesimal jackknife; Efron and Tibshirani 1993, chapter 21).
    """
    rows = len(counts)
    value, error = _with_error(np.ones((1, rows)), counts, aggregate)
    if np.isnan(value[0]) or rows < 2 or error[0] == 0:
        nothing = np.empty(0)
        return Resamples(float(value[0]), float(error[0]), nothing, nothing, rows)
    parts = [
        _with_error(weights, counts, aggregate)
        for weights in _weights(rows, resamples, np.random.default_rng(seed))
    ]
    values, errors = (np.concatenate(both) for both in zip(*parts, strict=True))
    defined = ~np.isnan(values)
    return Resamples(float(value[0]), float(error[0]), values[defined], errors[defined], rows)


def influence(counts: Array, aggregate: Aggregate) -> Array:
    """Return what each row adds to the metric's deviation, linearised; shape (rows,), sum 0.

    Their squares add up to the metric's variance over rows (the delta method, as in `resample`).
    """
    sums, sizes = counts.sum(axis=0)[None], np.abs(counts).sum(axis=0)[None]
    found: Array = (_gradient(sums, sizes, aggregate) @ (counts - counts.mean(0)).T)[0]
    return found


def _with_error(weights: Array, counts: Array, aggregate: Aggregate) -> tuple[Array, Array]:
    """Return values and standard errors of resamples; ``weights`` has shape (resamples, rows)."""
    rows = len(counts)
    sums = weights @ counts
    values = np.asarray(aggregate(sums), dtype=np.float64)
    # Centred first, so that the difference of two large squares loses no digits.
    influence = _gradient(sums, weights @ np.abs(counts), aggregate) @ (counts - counts.mean(0)).T
    weighted = weights * influence
    spread = (weighted * influence).sum(-1) - weighted.sum(-1) ** 2 / rows
    errors = np.sqrt(np.maximum(spread, 0) * rows / max(rows - 1, 1))
    errors[errors <= _NOISE * np.maximum(np.abs(values), _NOISE)] = 0
    return values, errors


def _gradient(sums: Array, sizes: Array, aggregate: Aggregate) -> Array:
    """Return the metric's derivative by each sum; 0 by a sum that no row adds to."""
    found = np.zeros_like(sums)
    for column in range(sums.shape[-1]):
        step = _STEP * sizes[..., column]
        above, below = sums.copy(), sums.copy()
        above[..., column] += step
        below[..., column] -= step
        change = aggregate(above) - aggregate(below)
        np.divide(change, 2 * step, out=found[..., column], where=(step > 0) & ~np.isnan(change))
    return found


def _weights(rows: int, resamples: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield how often each resample draws each row, in blocks of shape (resamples, rows)."""
    block = max(1, _CELLS_AT_ONCE // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(0, rows, size=(size, rows)) + rows * np.arange(size)[:, None]
        flat = np.bincount(drawn.ravel(), minlength=size * rows)
        yield flat.reshape(size, rows).astype(np.float64)
