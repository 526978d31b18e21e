"""What is compared: variants, each with the scores of one or more seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.comparison.seeds import SeedMean, mean_over_seeds
from ftcore.evaluation.intervals import Interval
from ftcore.evaluation.metric import Metric, get_metric
from ftcore.evaluation.resampling import Array
from ftcore.evaluation.score import MetricScore, Scores


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """One run's scores after training; ``right`` says of test rows whether the answer is right.

    ``right`` is None for a run that was not judged row by row.
    """

    run: str
    seed: int
    scores: Scores
    right: Mapping[str, bool] | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One side of a comparison: runs that differ in their seeds only, by seed."""

    name: str
    runs: tuple[ScoredRun, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in the order of the runs."""
        return tuple(run.seed for run in self.runs)

    def scored(self, metric: str) -> tuple[MetricScore, ...]:
        """Return a metric's scores by seed; empty where a run lacks it."""
        if any(metric not in run.scores.metrics for run in self.runs):
            return ()
        return tuple(run.scores[metric] for run in self.runs)

    def mean(self, metric: str) -> SeedMean | None:
        """Return a metric over the seeds; of one run its own figures. None where it is missing.

        Seeds with test rows of their own have no common interval: only the mean is given.
        """
        scored = self.scored(metric)
        if not scored:
            return None
        values = tuple(score.value for score in scored)
        if len(scored) == 1:
            return SeedMean(values[0], scored[0].interval, values, float("nan"), float("nan"))
        about = metric_of(metric)
        if not same_rows(scored):
            nothing = Interval(float("nan"), float("nan"))
            spread = float(np.std(values, ddof=1))
            return SeedMean(float(np.mean(values)), nothing, values, spread, float("nan"))
        return mean_over_seeds(aligned(scored), about.aggregate, limits=about.limits)


def metric_of(name: str) -> Metric:
    """Return the metric of a name."""
    return get_metric(name)()


def metrics_of(variants: Sequence[Variant]) -> tuple[str, ...]:
    """Return the metrics that any run has, in the order of the first one that has them."""
    names = (name for v in variants for run in v.runs for name in run.scores.metrics)
    return tuple(dict.fromkeys(names))


def same_rows(scored: Sequence[MetricScore]) -> bool:
    """Whether all were scored on the same test rows by the same counts."""
    first = scored[0]
    ids = set(first.row_ids)
    return all(
        score.columns == first.columns
        and len(score.row_ids) == len(ids) == len(first.row_ids)
        and set(score.row_ids) == ids
        for score in scored
    )


def aligned(scored: Sequence[MetricScore], order: Sequence[str] | None = None) -> list[Array]:
    """Return the counts of each, rows in the same order (the first one's unless given)."""
    order = scored[0].row_ids if order is None else order
    found = []
    for score in scored:
        places = {row_id: place for place, row_id in enumerate(score.row_ids)}
        found.append(score.counts[[places[row_id] for row_id in order]])
    return found
