"""Precision, recall and F1 of words and of characters in SQuAD's definition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from ftcore.evaluation.metric import Example, MeanMetric, Metric, MetricContext
from ftcore.evaluation.text import normalised_characters, normalised_words

_SOURCE = (
    "words after SQuAD's normalisation (Rajpurkar et al. 2016), jieba tokens where a text has "
    "Chinese characters; where either side has no words, 1 if both have none, else 0."
)


_CHARACTERS = (
    "characters of the words after SQuAD's normalisation (Rajpurkar et al. 2016), whitespace and "
    "punctuation left out; where either side has none, 1 if both have none, else 0."
)


@lru_cache(maxsize=8192)
def overlap(prediction: str, reference: str) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the two texts' normalised words as multisets."""
    return _shared(normalised_words(prediction), normalised_words(reference))


@lru_cache(maxsize=8192)
def character_overlap(prediction: str, reference: str) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the two texts' normalised characters as multisets."""
    return _shared(normalised_characters(prediction), normalised_characters(reference))


def _shared(predicted: Sequence[str], expected: Sequence[str]) -> tuple[float, float, float]:
    if not predicted or not expected:
        same = float(predicted == expected)
        return same, same, same
    common = sum((Counter(predicted) & Counter(expected)).values())
    if common == 0:
        return 0.0, 0.0, 0.0
    precision, recall = common / len(predicted), common / len(expected)
    return precision, recall, 2 * precision * recall / (precision + recall)


class TokenF1(MeanMetric):
    """Mean over rows of the F1 between the words of answer and reference.

    Unit: share, 0 to 1. Higher is better. Source: Rajpurkar et al. 2016 (SQuAD).
    """

    name: ClassVar[str] = "token_f1"
    title: ClassVar[str] = "Token F1"
    definition: ClassVar[str] = f"Mean over rows of the F1 of words shared as multisets; {_SOURCE}"

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's F1."""
        return overlap(example.prediction, example.reference)[2]


class TokenPrecision(MeanMetric):
    """Mean over rows of the share of the answer's words that the reference has.

    Unit: share, 0 to 1. Higher is better. Source: as token_f1.
    """

    name: ClassVar[str] = "token_precision"
    title: ClassVar[str] = "Token precision"
    definition: ClassVar[str] = f"Mean over rows of shared words over the answer's words; {_SOURCE}"

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's precision."""
        return overlap(example.prediction, example.reference)[0]


class TokenRecall(MeanMetric):
    """Mean over rows of the share of the reference's words that the answer has.

    Unit: share, 0 to 1. Higher is better. Source: as token_f1.
    """

    name: ClassVar[str] = "token_recall"
    title: ClassVar[str] = "Token recall"
    definition: ClassVar[str] = (
        f"Mean over rows of shared words over the reference's words; {_SOURCE}"
    )

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's recall."""
        return overlap(example.prediction, example.reference)[1]


class CharacterF1(MeanMetric):
    """Mean over rows of the F1 between the characters of answer and reference.

    Unit: share, 0 to 1. Higher is better. Source: as token_f1, by characters.
    """

    name: ClassVar[str] = "character_f1"
    title: ClassVar[str] = "Character F1"
    definition: ClassVar[str] = (
        f"Mean over rows of the F1 of characters shared as multisets; {_CHARACTERS}"
    )

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's F1."""
        return character_overlap(example.prediction, example.reference)[2]


class CharacterPrecision(MeanMetric):
    """Mean over rows of the share of the answer's characters that the reference has.

    Unit: share, 0 to 1. Higher is better. Source: as token_f1, by characters.
    """

    name: ClassVar[str] = "character_precision"
    title: ClassVar[str] = "Character precision"
    definition: ClassVar[str] = (
        f"Mean over rows of shared characters over the answer's characters; {_CHARACTERS}"
    )

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's precision."""
        return character_overlap(example.prediction, example.reference)[0]


class CharacterRecall(MeanMetric):
    """Mean over rows of the share of the reference's characters that the answer has.

    Unit: share, 0 to 1. Higher is better. Source: as token_f1, by characters.
    """

    name: ClassVar[str] = "character_recall"
    title: ClassVar[str] = "Character recall"
    definition: ClassVar[str] = (
        f"Mean over rows of shared characters over the reference's characters; {_CHARACTERS}"
    )

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's recall."""
        return character_overlap(example.prediction, example.reference)[1]


METRICS: tuple[type[Metric], ...] = (
    TokenF1,
    TokenPrecision,
    TokenRecall,
    CharacterF1,
    CharacterPrecision,
    CharacterRecall,
)
