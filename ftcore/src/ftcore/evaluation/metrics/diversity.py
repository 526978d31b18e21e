"""Distinct n-grams: how much an answer repeats itself."""

from __future__ import annotations

from typing import ClassVar

from ftcore.evaluation.metric import Array, Example, Metric, MetricContext, ratio
from ftcore.evaluation.text import plain_words

_SOURCE = (
    "counted within each answer and summed over answers, on lower-cased words (jieba tokens "
    "where a text has Chinese characters), after Li et al. 2016, who pool all answers."
)


class _Distinct(Metric):
    """Different n-grams over all n-grams."""

    order: ClassVar[int]
    columns: ClassVar[tuple[str, ...]] = ("distinct", "total")

    def score_row(self, example: Example, context: MetricContext) -> tuple[float, ...]:
        """Return the answer's number of different n-grams and of all n-grams."""
        words = plain_words(example.prediction)
        grams = [words[i : i + self.order] for i in range(len(words) - self.order + 1)]
        return float(len(set(grams))), float(len(grams))

    def aggregate(self, sums: Array) -> Array:
        """Return different over all n-grams; NaN where there are none."""
        return ratio(sums[..., 0], sums[..., 1])


class Distinct1(_Distinct):
    """Share of different words within answers.

    Unit: share, 0 to 1. Higher is better (less repetition). Source: Li et al. 2016.
    """

    order: ClassVar[int] = 1
    name: ClassVar[str] = "distinct_1"
    title: ClassVar[str] = "Distinct-1"
    definition: ClassVar[str] = f"Different words over all words, {_SOURCE}"


class Distinct2(_Distinct):
    """Share of different word pairs within answers.

    Unit: share, 0 to 1. Higher is better (less repetition). Source: Li et al. 2016.
    """

    order: ClassVar[int] = 2
    name: ClassVar[str] = "distinct_2"
    title: ClassVar[str] = "Distinct-2"
    definition: ClassVar[str] = f"Different word pairs over all word pairs, {_SOURCE}"


METRICS: tuple[type[Metric], ...] = (Distinct1, Distinct2)
