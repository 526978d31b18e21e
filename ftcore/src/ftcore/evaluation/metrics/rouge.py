"""ROUGE-1, ROUGE-2 and ROUGE-L as rouge-chinese computes them, averaged over rows."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, ClassVar

from ftcore.evaluation.metric import Example, MeanMetric, Metric, MetricContext
from ftcore.evaluation.text import rouge_tokens

_SOURCE = (
    "rouge-chinese 1.0 on jieba tokens where a text has Chinese characters (judged for answer "
    "and reference separately), else on whitespace words, after the recipe's fixed opening and "
    "closing are cut from both; an empty answer scores 0 (Lin 2004; tokens as evalscope's "
    "general_qa)."
)


def strip_fixed(text: str, context: MetricContext) -> str:
    """Return the text without surrounding whitespace and the recipe's opening and closing."""
    text = text.strip()
    text = text.removeprefix(context.strip_prefix.strip())
    return text.removesuffix(context.strip_suffix.strip()).strip()


def rouge_f(kind: str, prediction: str, reference: str) -> float:
    """Return the F value of ``rouge-1``, ``rouge-2`` or ``rouge-l``; 0 where a text is blank."""
    if not prediction.strip() or not reference.strip():
        return 0.0
    scores = _scorer(kind).get_scores(rouge_tokens(prediction), rouge_tokens(reference))
    return float(scores[0][kind]["f"])


class _Rouge(MeanMetric):
    """Mean over rows of one ROUGE F value."""

    kind: ClassVar[str]

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's F value after the fixed opening and closing are cut."""
        prediction = strip_fixed(example.prediction, context)
        return rouge_f(self.kind, prediction, strip_fixed(example.reference, context))


class RougeL(_Rouge):
    """ROUGE-L F: longest common subsequence of words.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """

    kind: ClassVar[str] = "rouge-l"
    name: ClassVar[str] = "rouge_l_f"
    title: ClassVar[str] = "ROUGE-L F"
    definition: ClassVar[str] = f"Mean over rows of the longest-common-subsequence F; {_SOURCE}"


class Rouge1(_Rouge):
    """ROUGE-1 F: distinct words shared.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """

    kind: ClassVar[str] = "rouge-1"
    name: ClassVar[str] = "rouge_1_f"
    title: ClassVar[str] = "ROUGE-1 F"
    definition: ClassVar[str] = f"Mean over rows of the F of distinct words shared; {_SOURCE}"


class Rouge2(_Rouge):
    """ROUGE-2 F: distinct word pairs shared.

    Unit: share, 0 to 1. Higher is better. Source: Lin 2004, by rouge-chinese.
    """

    kind: ClassVar[str] = "rouge-2"
    name: ClassVar[str] = "rouge_2_f"
    title: ClassVar[str] = "ROUGE-2 F"
    definition: ClassVar[str] = f"Mean over rows of the F of distinct word pairs shared; {_SOURCE}"


@cache
def _scorer(kind: str) -> Any:
    with warnings.catch_warnings():
        # Its sources hold escapes that Python warns about while compiling.
        warnings.simplefilter("ignore")
        from rouge_chinese import Rouge  # type: ignore[import-untyped]

    return Rouge(metrics=[kind])


METRICS: tuple[type[Metric], ...] = (RougeL, Rouge1, Rouge2)
