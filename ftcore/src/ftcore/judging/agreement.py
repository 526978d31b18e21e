"""Agreement between raters: Krippendorff's alpha for named categories, any number of raters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on the ``rows`` that at least two raters judged.

    ``alpha`` is 1 for perfect agreement, 0 for what chance gives; None where everyone gave one and
    the same verdict everywhere, which chance explains as well. ``low`` and ``high`` bound its 95%
    bootstrap interval over rows, None on too few rows; ``observed`` is the share of equal pairs of
    verdicts.
    """

    raters: tuple[str, ...]
    rows: int
    observed: float
    alpha: float | None
    low: float | None
    high: float | None


def agreement(
    verdicts: Mapping[str, Mapping[str, Hashable]], *, resamples: int = 2000, seed: int = 0
) -> Agreement | None:
    """Return the agreement of raters; ``verdicts`` holds rater -> row -> category.

    Rows with one verdict are left out; None when no row has two. Source: Krippendorff 2011,
    "Computing Krippendorff's Alpha-Reliability" (nominal data, any number of observers, missing
    values); the interval is the percentile bootstrap over rows (Efron and Tibshirani 1993).
    """
    rows = dict.fromkeys(row for found in verdicts.values() for row in found)
    units = [[found[row] for found in verdicts.values() if row in found] for row in rows]
    units = [unit for unit in units if len(unit) > 1]
    if not units:
        return None
    counts = _coincidences(units)
    low, high = _interval(counts, resamples, seed)
    total = counts.sum(axis=0)
    size = round(len(total) ** 0.5)
    observed = float(np.trace(total.reshape(size, size)) / total.sum())
    alpha = float(_alpha(total))
    return Agreement(
        raters=tuple(verdicts),
        rows=len(units),
        observed=observed,
        alpha=_known(alpha),
        low=_known(low),
        high=_known(high),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _interval(counts: Array, resamples: int, seed: int) -> tuple[float, float]:
    """Return the 95% interval of alpha; NaN where alpha is undefined on most resamples."""
    rows = len(counts)
    drawn = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=resamples)
    values = _alpha(drawn @ counts)
    values = values[~np.isnan(values)]
    if len(values) < resamples / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _coincidences(units: Sequence[Sequence[Hashable]]) -> Array:
    """Return each unit's coincidence matrix as a row: shape (units, categories squared)."""
    categories = list(dict.fromkeys(value for unit in units for value in unit))
    tallies = np.array([[unit.count(name) for name in categories] for unit in units], dtype=float)
    pairs = tallies[:, :, None] * tallies[:, None, :]
    own = np.einsum("uc,cd->ucd", tallies, np.eye(len(categories)))
    raters = tallies.sum(axis=1)[:, None, None]
    flat: Array = ((pairs - own) / (raters - 1)).reshape(len(units), -1)
    return flat


def _alpha(sums: Array) -> Array:
    """Return alpha of summed coincidences of shape (..., categories squared)."""
    size = round(sums.shape[-1] ** 0.5)
    matrix = sums.reshape(*sums.shape[:-1], size, size)
    totals = matrix.sum(axis=-1)
    values = totals.sum(axis=-1)
    equal = np.trace(matrix, axis1=-2, axis2=-1)
    unequal = values - equal
    by_chance = values**2 - (totals**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha: Array = 1 - (values - 1) * unequal / by_chance
    # A resample of one category has none by chance: alpha is undefined there.
    return np.where(by_chance > 1e-9, alpha, np.nan)
