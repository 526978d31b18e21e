"""Corpus BLEU and chrF as sacrebleu computes them, from counts of each row."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any, ClassVar

import numpy as np

from ftcore.evaluation.metric import Array, Example, Metric, MetricContext, ratio

_ORDERS = 4
_CHARACTERS = 6
_RECALL_WEIGHT = 4.0  # chrF2: recall counts beta = 2 times as much, squared


class _CorpusBleu(Metric):
    """BLEU of all rows together: n-gram counts are summed before precisions are taken."""

    unit: ClassVar[str] = "points"
    tokenizer: ClassVar[str]
    columns: ClassVar[tuple[str, ...]] = (
        "answer_tokens",
        "reference_tokens",
        *(f"correct_{order}" for order in range(1, _ORDERS + 1)),
        *(f"total_{order}" for order in range(1, _ORDERS + 1)),
    )

    def signature(self) -> str:
        """Return sacrebleu's signature, version included."""
        # It knows the number of references only after it has scored something.
        scorer = _bleu(self.tokenizer, False)
        scorer.corpus_score(["a"], [["a"]])
        return str(scorer.get_signature())

    def score_row(self, example: Example, context: MetricContext) -> tuple[float, ...]:
        """Return the row's lengths in tokens and its n-grams, matched and all, by order."""
        scored = _bleu(self.tokenizer, True).sentence_score(
            example.prediction.strip(), [example.reference.strip()]
        )
        lengths = (scored.sys_len, scored.ref_len)
        return tuple(float(count) for count in (*lengths, *scored.counts, *scored.totals))

    def aggregate(self, sums: Array) -> Array:
        """Return BLEU from 0 to 100, orders without a match smoothed ("exp"); NaN without rows."""
        answer, reference = sums[..., 0], sums[..., 1]
        correct, total = sums[..., 2 : 2 + _ORDERS], sums[..., 2 + _ORDERS :]
        missed = (correct == 0) & (total > 0)
        # Each order without any match counts as 1/2, 1/4, ... of one n-gram.
        smoothed = np.where(missed, 0.5 ** np.cumsum(missed, axis=-1), correct)
        logs = np.log(np.maximum(ratio(smoothed, total), np.finfo(np.float64).tiny))
        with np.errstate(divide="ignore", over="ignore"):
            penalty = np.where(answer > 0, np.exp(np.minimum(1 - ratio(reference, answer), 0)), 0)
        scored = 100 * penalty * np.exp(logs.mean(axis=-1))
        empty = (correct.sum(axis=-1) == 0) | (total == 0).any(axis=-1)
        return np.where(answer + reference > 0, np.where(empty, 0.0, scored), np.nan)


class CorpusBleu(_CorpusBleu):
    """BLEU of all answers together, words cut as the WMT campaigns do.

    Unit: points, 0 to 100. Higher is better. Source: sacrebleu (Post 2018).
    """

    tokenizer: ClassVar[str] = "13a"
    name: ClassVar[str] = "corpus_bleu"
    title: ClassVar[str] = "Corpus BLEU"
    definition: ClassVar[str] = (
        "BLEU over the n-gram counts of all rows together, surrounding whitespace cut; sacrebleu's "
        "signature nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp (Post 2018)."
    )


class CorpusBleuZh(_CorpusBleu):
    """BLEU of all answers together, Chinese cut into characters.

    Unit: points, 0 to 100. Higher is better. Source: sacrebleu (Post 2018).
    """

    tokenizer: ClassVar[str] = "zh"
    name: ClassVar[str] = "corpus_bleu_zh"
    title: ClassVar[str] = "Corpus BLEU (Chinese)"
    definition: ClassVar[str] = (
        "As corpus_bleu, with Chinese characters as tokens of their own; sacrebleu's signature "
        "nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp (Post 2018)."
    )


class ChrF(Metric):
    """Character n-gram F-score of all answers together.

    Unit: points, 0 to 100. Higher is better. Source: Popović 2015, as in sacrebleu (Post 2018).
    """

    name: ClassVar[str] = "chrf"
    title: ClassVar[str] = "chrF2"
    unit: ClassVar[str] = "points"
    definition: ClassVar[str] = (
        "F-score with recall weighted twice, of character 1- to 6-grams without whitespace over "
        "all rows together, precision and recall averaged over orders; sacrebleu's signature "
        "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no (Popović 2015)."
    )
    columns: ClassVar[tuple[str, ...]] = tuple(
        f"{what}_{order}"
        for order in range(1, _CHARACTERS + 1)
        for what in ("answer", "reference", "matched")
    )

    def signature(self) -> str:
        """Return sacrebleu's signature, version included."""
        from sacrebleu.metrics.chrf import CHRF

        scorer = CHRF()
        scorer.corpus_score(["a"], [["a"]])
        return str(scorer.get_signature())

    def score_row(self, example: Example, context: MetricContext) -> tuple[float, ...]:
        """Return the row's character n-grams in the answer, in the reference, and in both."""
        answer, reference = ("".join(t.split()) for t in (example.prediction, example.reference))
        counts = []
        for order in range(1, _CHARACTERS + 1):
            ours, theirs = _ngrams(answer, order), _ngrams(reference, order)
            # Where the reference is too short to have any, the answer's do not count.
            total = ours.total() if theirs else 0
            counts += [total, theirs.total(), (ours & theirs).total()]
        return tuple(map(float, counts))

    def aggregate(self, sums: Array) -> Array:
        """Return chrF from 0 to 100; NaN without rows."""
        answer, reference, matched = (sums[..., part::3] for part in range(3))
        used = (answer > 0) & (reference > 0)
        orders = np.maximum(used.sum(axis=-1), 1)
        precision, recall = (
            np.where(used, np.nan_to_num(ratio(matched, base)), 0).sum(axis=-1) / orders
            for base in (answer, reference)
        )
        top = (1 + _RECALL_WEIGHT) * precision * recall
        scored = 100 * np.nan_to_num(ratio(top, _RECALL_WEIGHT * precision + recall))
        return np.where(sums.sum(axis=-1) > 0, scored, np.nan)


def _ngrams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))


@cache
def _bleu(tokenizer: str, single: bool) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    # For single answers it warns unless told to leave out missing orders; only counts are taken.
    return BLEU(tokenize=tokenizer, effective_order=single)


METRICS: tuple[type[Metric], ...] = (CorpusBleu, CorpusBleuZh, ChrF)
