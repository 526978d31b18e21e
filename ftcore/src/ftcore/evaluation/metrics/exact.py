"""Exact match."""

from __future__ import annotations

from typing import ClassVar

from ftcore.evaluation.metric import Example, MeanMetric, Metric, MetricContext


class ExactMatch(MeanMetric):
    """Share of answers that equal the reference, character for character.

    Unit: share, 0 to 1. Higher is better. Source: the definition is ft's.
    """

    name: ClassVar[str] = "exact_match"
    title: ClassVar[str] = "Exact match"
    yes_no: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "Share of rows whose answer equals the reference after whitespace at both ends is cut "
        "(ft's own definition; SQuAD's would also normalise the words)."
    )

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return 1 where the two texts are equal."""
        return float(example.prediction.strip() == example.reference.strip())


METRICS: tuple[type[Metric], ...] = (ExactMatch,)
