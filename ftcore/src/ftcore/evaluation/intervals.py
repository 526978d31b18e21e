"""The 95% interval of a metric, by resampling rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ftcore.evaluation.resampling import Aggregate, Array, Resamples, resample
from ftcore.evaluation.yes_no import share_interval

_MARGIN = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval in the metric's own unit; NaN at both ends where it is undefined."""

    low: float
    high: float


UNDEFINED = Interval(math.nan, math.nan)


def bootstrap_interval(
    counts: Array,
    aggregate: Aggregate,
    *,
    resamples: int = 2000,
    seed: int,
    level: float = 0.95,
    limits: tuple[float, float] | None = None,
    yes_no: bool = False,
) -> Interval:
    """Return the interval of the metric over resamples of rows.

    ``counts`` has shape (rows, columns); ``aggregate`` maps sums of shape (..., columns) to
    values of shape (...). The interval is the symmetric bootstrap-t interval (Hall 1988): each
    resample's distance from the metric counts in its own standard errors. Where ``limits`` bound
    the metric, it is computed on the logit scale, which keeps it inside them. A ``yes_no`` metric
    (counts: 0 or 1, and 1) has the mid-p interval of a share instead.
    """
    counts = as_counts(counts)
    if len(counts) == 0:
        return UNDEFINED
    if yes_no:
        return Interval(*share_interval(round(counts[:, 0].sum()), len(counts), level))
    drawn = resample(counts, aggregate, resamples, seed)
    at_limit = _at_limit(drawn, limits, level)
    if at_limit is not None:
        return at_limit
    if drawn.error == 0 or len(drawn.values) == 0:
        known = drawn.rows > 1 and not math.isnan(drawn.value)
        return Interval(drawn.value, drawn.value) if known else UNDEFINED
    if limits is None or not _inside(np.array(drawn.value), limits):
        half = drawn.quantile(level) * drawn.error
        return Interval(drawn.value - half, drawn.value + half)
    scaled = _logit(drawn, limits)
    half = scaled.quantile(level) * scaled.error
    ends = (_from_logit(scaled.value + sign * half, limits) for sign in (-1, 1))
    return Interval(*ends)


def _at_limit(
    drawn: Resamples, limits: tuple[float, float] | None, level: float
) -> Interval | None:
    """Return the interval of a metric at one of its limits, where no resample differs.

    The other end is the share of rows that may well be otherwise though none of these is: the
    exact interval of a share that was 0 or 1. None where the metric is at no limit.
    """
    if limits is None:
        return None
    low, high = limits
    reach = (high - low) * (1 - ((1 - level) / 2) ** (1 / drawn.rows))
    if math.isclose(drawn.value, low, rel_tol=_MARGIN, abs_tol=_MARGIN * (high - low)):
        return Interval(low, low + reach)
    if math.isclose(drawn.value, high, rel_tol=_MARGIN):
        return Interval(high - reach, high)
    return None


def _inside(values: Array, limits: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """Return which values are between the limits by more than rounding."""
    margin = _MARGIN * (limits[1] - limits[0])
    inside: npt.NDArray[np.bool_] = (values > limits[0] + margin) & (values < limits[1] - margin)
    return inside


def _logit(drawn: Resamples, limits: tuple[float, float]) -> Resamples:
    """Return the resamples on the logit scale; those at a limit are left out."""
    low, high = limits
    inside = _inside(drawn.values, limits)
    values, errors = drawn.values[inside], drawn.errors[inside]
    slope = (high - low) / ((values - low) * (high - values))
    return Resamples(
        value=math.log((drawn.value - low) / (high - drawn.value)),
        error=drawn.error * (high - low) / ((drawn.value - low) * (high - drawn.value)),
        values=np.log((values - low) / (high - values)),
        errors=errors * slope,
        rows=drawn.rows,
    )


def _from_logit(value: float, limits: tuple[float, float]) -> float:
    share = 1 / (1 + math.exp(-value)) if value > -700 else 0.0
    return limits[0] + (limits[1] - limits[0]) * share


def as_counts(counts: Array) -> Array:
    """Return counts as floats; ValueError unless their shape is (rows, columns)."""
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 2:
        raise ValueError(f"counts need the shape (rows, columns), not {counts.shape}")
    return counts
