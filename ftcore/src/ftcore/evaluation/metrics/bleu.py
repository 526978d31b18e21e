"""BLEU of single answers, averaged over rows: one order alone, and the standard cumulative one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from ftcore.evaluation.metric import Example, MeanMetric, Metric, MetricContext
from ftcore.evaluation.metrics.rouge import strip_fixed
from ftcore.evaluation.text import bleu_tokens, versions

_TOKENS = (
    "Tokens are jieba's where a text has Chinese characters (judged for answer and reference "
    "separately), else those of nltk's word tokeniser on the whole text; the recipe's fixed "
    "opening and closing are cut from both; an answer without tokens scores 0"
)
_ALONE = f"{_TOKENS} (Papineni et al. 2002, as evalscope's general_qa weighs it)."
_CUMULATIVE = f"{_TOKENS} (Papineni et al. 2002; one reference, no smoothing)."


@lru_cache(maxsize=8192)
def precisions(prediction: str, reference: str) -> tuple[float, ...]:
    """Return the brevity penalty and the clipped n-gram precisions of orders 1 to 4.

    A precision is 0 where the answer has no n-gram of that order. The penalty is
    ``exp(1 - reference length / answer length)`` for the shorter answer, else 1.
    """
    predicted, expected = bleu_tokens(prediction), bleu_tokens(reference)
    if not predicted:
        return (0.0,) * 5
    penalty = 1.0
    if len(predicted) < len(expected):
        penalty = math.exp(1 - len(expected) / len(predicted))
    return (penalty, *(_precision(predicted, expected, order) for order in (1, 2, 3, 4)))


def _precision(predicted: Sequence[str], expected: Sequence[str], order: int) -> float:
    ours, theirs = _ngrams(predicted, order), _ngrams(expected, order)
    total = ours.total()
    return (ours & theirs).total() / total if total else 0.0


def _ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


class _Bleu(MeanMetric):
    """Brevity penalty times the precision of one order of n-grams."""

    order: ClassVar[int]

    def signature(self) -> str:
        """Return the versions of the tokenisers."""
        return versions("jieba", "nltk")

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's penalty times its precision."""
        penalty, *by_order = _row(example, context)
        return penalty * by_order[self.order - 1]


class _Cumulative(_Bleu):
    """Brevity penalty times the geometric mean of the precisions up to an order."""

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's penalty times the mean; 0 where any precision is 0."""
        penalty, *by_order = _row(example, context)
        used = by_order[: self.order]
        return penalty * math.prod(used) ** (1 / self.order)


def _row(example: Example, context: MetricContext) -> tuple[float, ...]:
    prediction = strip_fixed(example.prediction, context)
    reference = strip_fixed(example.reference, context)
    # general_qa fails on a row with a blank side, in ROUGE already; ft counts it as 0.
    if not prediction.strip() or not reference.strip():
        return (0.0,) * 5
    return precisions(prediction, reference)


class Bleu1(_Bleu):
    """BLEU-1: share of the answer's words that the reference has, shorter answers penalised.

    Unit: share, 0 to 1. Higher is better. Source: Papineni et al. 2002, as evalscope's
    general_qa weighs it.
    """

    order: ClassVar[int] = 1
    name: ClassVar[str] = "bleu_1"
    title: ClassVar[str] = "BLEU-1 (this order alone)"
    definition: ClassVar[str] = (
        f"Mean over rows of brevity penalty x precision of single tokens. {_ALONE}"
    )


class Bleu2(_Bleu):
    """BLEU-2 with all weight on word pairs: not the cumulative BLEU-2.

    Unit: share, 0 to 1. Higher is better. Source: as bleu_1.
    """

    order: ClassVar[int] = 2
    name: ClassVar[str] = "bleu_2"
    title: ClassVar[str] = "BLEU-2 (this order alone)"
    definition: ClassVar[str] = (
        f"Mean over rows of brevity penalty x precision of token pairs. {_ALONE}"
    )


class Bleu3(_Bleu):
    """BLEU-3 with all weight on runs of three words: not the cumulative BLEU-3.

    Unit: share, 0 to 1. Higher is better. Source: as bleu_1.
    """

    order: ClassVar[int] = 3
    name: ClassVar[str] = "bleu_3"
    title: ClassVar[str] = "BLEU-3 (this order alone)"
    definition: ClassVar[str] = (
        f"Mean over rows of brevity penalty x precision of runs of three tokens. {_ALONE}"
    )


class Bleu4(_Bleu):
    """BLEU-4 with all weight on runs of four words: not the cumulative BLEU-4.

    Unit: share, 0 to 1. Higher is better. Source: as bleu_1.
    """

    order: ClassVar[int] = 4
    name: ClassVar[str] = "bleu_4"
    title: ClassVar[str] = "BLEU-4 (this order alone)"
    definition: ClassVar[str] = (
        f"Mean over rows of brevity penalty x precision of runs of four tokens. {_ALONE}"
    )


class CumulativeBleu2(_Cumulative):
    """Standard sentence BLEU up to word pairs.

    Unit: share, 0 to 1. Higher is better. Source: Papineni et al. 2002.
    """

    order: ClassVar[int] = 2
    name: ClassVar[str] = "cumulative_bleu_2"
    title: ClassVar[str] = "BLEU-2 (cumulative)"
    definition: ClassVar[str] = (
        "Mean over rows of brevity penalty x geometric mean of the precisions of orders 1 and 2. "
        f"{_CUMULATIVE}"
    )


class CumulativeBleu3(_Cumulative):
    """Standard sentence BLEU up to runs of three words.

    Unit: share, 0 to 1. Higher is better. Source: Papineni et al. 2002.
    """

    order: ClassVar[int] = 3
    name: ClassVar[str] = "cumulative_bleu_3"
    title: ClassVar[str] = "BLEU-3 (cumulative)"
    definition: ClassVar[str] = (
        "Mean over rows of brevity penalty x geometric mean of the precisions of orders 1 to 3. "
        f"{_CUMULATIVE}"
    )


class CumulativeBleu4(_Cumulative):
    """Standard sentence BLEU up to runs of four words.

    Unit: share, 0 to 1. Higher is better. Source: Papineni et al. 2002.
    """

    order: ClassVar[int] = 4
    name: ClassVar[str] = "cumulative_bleu_4"
    title: ClassVar[str] = "BLEU-4 (cumulative)"
    definition: ClassVar[str] = (
        "Mean over rows of brevity penalty x geometric mean of the precisions of orders 1 to 4. "
        f"{_CUMULATIVE}"
    )


METRICS: tuple[type[Metric], ...] = (
    Bleu1,
    Bleu2,
    Bleu3,
    Bleu4,
    CumulativeBleu2,
    CumulativeBleu3,
    CumulativeBleu4,
)
