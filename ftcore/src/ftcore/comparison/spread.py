"""Where the spread of a metric comes from: the variants, the seeds, or the test rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.comparison.variants import Variant


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations in the metric's own unit; None where the seeds do not show them.

    ``seeds``: one run against another of the same variant. ``variants``: between the variants,
    beyond what their seeds explain (0 where they explain all). ``rows``: the standard error by
    the test rows, which all variants share.
    """

    metric: str
    seeds: float | None
    variants: float | None
    rows: float | None


def spread(variants: Sequence[Variant], metric: str) -> Spread:
    """Return the components of variance by the analysis of variance (Searle et al. 1992).

    Where all variants have the same seeds, the seeds are a factor of their own, and variants are
    held against what is left; otherwise against the variance within the variants.
    """
    found = [(variant, variant.mean(metric)) for variant in variants]
    several = [(v, mean) for v, mean in found if mean is not None and len(mean.scores) > 1]
    errors = [mean.row_error for _, mean in several if math.isfinite(mean.row_error)]
    rows = float(np.mean(errors)) if errors else None
    if not several:
        return Spread(metric, None, None, rows)
    scores = [np.array(mean.scores) for _, mean in several]
    degrees = sum(len(values) - 1 for values in scores)
    within = sum(float(values.var(ddof=1)) * (len(values) - 1) for values in scores) / degrees
    between = None
    if len(several) > 1:
        between = _between([v for v, _ in several], scores, within)
    return Spread(metric, math.sqrt(within), between, rows)


def _between(
    variants: Sequence[Variant], scores: Sequence[np.ndarray], within: float
) -> float | None:
    means = np.array([values.mean() for values in scores])
    sizes = np.array([len(values) for values in scores])
    error = within
    if len({frozenset(variant.seeds) for variant in variants}) == 1:
        places = [np.argsort(variant.seeds) for variant in variants]
        table = np.stack([values[place] for values, place in zip(scores, places, strict=True)])
        left = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
        error = float((left**2).sum()) / ((table.shape[0] - 1) * (table.shape[1] - 1))
    typical = len(sizes) / (1 / sizes).sum()  # harmonic: the variances of the means average so
    return math.sqrt(max(0.0, float(means.var(ddof=1)) - error / float(typical)))
