"""ROUGE-1, ROUGE-2 and ROUGE-L as rouge-chinese computes them, averaged over rows."""

from __future__ import annotations

import warnings
from functools import cache, lru_cache
from typing import Any, ClassVar

from ftcore.evaluation.metric import Example, MeanMetric, Metric, MetricContext
from ftcore.evaluation.text import rouge_tokens, versions

_SOURCE = (
    "rouge-chinese 1.0 on jieba tokens where a text has Chinese characters (judged for answer "
    "and reference separately), else on whitespace words, after the recipe's fixed opening and "
    "closing are cut from both; an empty answer scores 0 (Lin 2004; tokens as evalscope's "
    "general_qa)."
)
_FIGURES = {
    "f": ("f", "F", "F (the harmonic mean of recall and precision)"),
    "r": ("r", "recall", "recall (shared over the reference's)"),
    "p": ("p", "precision", "precision (shared over the answer's)"),
}
_SHARED = {
    "rouge-1": ("1", "of distinct words shared"),
    "rouge-2": ("2", "of distinct word pairs shared"),
    "rouge-l": ("l", "of the longest common subsequence of words"),
}


def strip_fixed(text: str, context: MetricContext) -> str:
    """Return the text without the recipe's opening and closing, and whitespace around them.

    A recipe that has neither gets the text as it is.
    """
    opening, closing = context.strip_prefix.strip(), context.strip_suffix.strip()
    if not opening and not closing:
        return text
    return text.strip().removeprefix(opening).removesuffix(closing).strip()


@lru_cache(maxsize=8192)
def rouge_scores(kind: str, prediction: str, reference: str) -> tuple[float, float, float]:
    """Return F, recall and precision of ``rouge-1``, ``rouge-2`` or ``rouge-l``.

    All are 0 where a text is blank.
    """
    if not prediction.strip() or not reference.strip():
        return 0.0, 0.0, 0.0
    scores = _scorer(kind).get_scores(rouge_tokens(prediction), rouge_tokens(reference))[0][kind]
    return float(scores["f"]), float(scores["r"]), float(scores["p"])


class _Rouge(MeanMetric):
    """Mean over rows of one ROUGE figure; a subclass says which ``kind`` and ``figure``."""

    kind: ClassVar[str]
    figure: ClassVar[str]

    def __init_subclass__(cls, *, kind: str, figure: str) -> None:
        """Name and describe the metric from its kind and its figure."""
        number, shared = _SHARED[kind]
        short, title, about = _FIGURES[figure]
        cls.kind, cls.figure = kind, figure
        cls.name = f"rouge_{number}_{short}"
        cls.title = f"ROUGE-{number.upper()} {title}"
        cls.definition = f"Mean over rows of the {about} {shared}; {_SOURCE}"

    def signature(self) -> str:
        """Return the versions of the library and of the tokeniser."""
        return versions("jieba", "rouge-chinese")

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's figure after the fixed opening and closing are cut."""
        prediction = strip_fixed(example.prediction, context)
        scores = rouge_scores(self.kind, prediction, strip_fixed(example.reference, context))
        return scores["frp".index(self.figure)]


class RougeL(_Rouge, kind="rouge-l", figure="f"):
    """ROUGE-L F: longest common subsequence of words.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


class Rouge1(_Rouge, kind="rouge-1", figure="f"):
    """ROUGE-1 F: distinct words shared.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


class Rouge2(_Rouge, kind="rouge-2", figure="f"):
    """ROUGE-2 F: distinct word pairs shared.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


class RougeLRecall(_Rouge, kind="rouge-l", figure="r"):
    """ROUGE-L recall: longest common subsequence of words.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


class Rouge1Recall(_Rouge, kind="rouge-1", figure="r"):
    """ROUGE-1 recall: distinct words shared.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


class Rouge2Recall(_Rouge, kind="rouge-2", figure="r"):
    """ROUGE-2 recall: distinct word pairs shared.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


class RougeLPrecision(_Rouge, kind="rouge-l", figure="p"):
    """ROUGE-L precision: longest common subsequence of words.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


class Rouge1Precision(_Rouge, kind="rouge-1", figure="p"):
    """ROUGE-1 precision: distinct words shared.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


class Rouge2Precision(_Rouge, kind="rouge-2", figure="p"):
    """ROUGE-2 precision: distinct word pairs shared.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """


@cache
def _scorer(kind: str) -> Any:
    with warnings.catch_warnings():
        # Its sources hold escapes that Python warns about while compiling.
        warnings.simplefilter("ignore")
        from rouge_chinese import Rouge  # type: ignore[import-untyped]

    return Rouge(metrics=[kind])


METRICS: tuple[type[Metric], ...] = (
    RougeL,
    Rouge1,
    Rouge2,
    RougeLRecall,
    Rouge1Recall,
    Rouge2Recall,
    RougeLPrecision,
    Rouge1Precision,
    Rouge2Precision,
)
