from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from ftcore.evaluation.metric import Example, MetricContext, get_metric
from ftcore.evaluation.score import score

NAMES = ["corpus_bleu", "corpus_bleu_zh", "chrf"]
ORACLES: dict[str, Callable[[], BLEU | CHRF]] = {
    "corpus_bleu": lambda: BLEU(tokenize="13a"),
    "corpus_bleu_zh": lambda: BLEU(tokenize="zh"),
    "chrf": CHRF,
}
CONTEXT = MetricContext()
texts = st.lists(
    st.sampled_from(
        ["The", "shop", "opens", "at", "nine.", "店里", "有茶", "3,000", "it's", "(a)"]
    ),
    max_size=12,
).map(" ".join)
corpora = st.lists(st.tuples(texts, texts.filter(bool)), min_size=1, max_size=6)


def corpus(pairs: list[tuple[str, str]]) -> list[Example]:
    return [Example(str(n), (), reference, answer) for n, (answer, reference) in enumerate(pairs)]


@settings(deadline=None, max_examples=150)
@given(corpora)
def test_equal_to_sacrebleu(pairs: list[tuple[str, str]]) -> None:
    scores = score(corpus(pairs), NAMES, CONTEXT, resamples=1)
    for name, oracle in ORACLES.items():
        answers, references = (list(side) for side in zip(*pairs, strict=True))
        expected = oracle().corpus_score(answers, [references]).score
        assert scores[name].value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_is_sacrebleus(name: str) -> None:
    oracle = ORACLES[name]()
    oracle.corpus_score(["a"], [["a"]])
    signature = get_metric(name)().signature()
    assert signature == str(oracle.get_signature())
    settled, version = signature.split("|version:")
    assert version
    assert settled in get_metric(name).definition


def test_rows_sum_and_their_own_values() -> None:
    pairs = [("the cat sat on the mat", "the cat sat on the mat"), ("", "a dog barked there")]
    scores = score(corpus(pairs), NAMES, CONTEXT)
    for name in NAMES:
        assert scores[name].row_values.tolist() == pytest.approx([100, 0])
        assert 0 < scores[name].value < 100
        interval = scores[name].interval
        assert 0 <= interval.low <= scores[name].value <= interval.high <= 100


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_undefined(name: str) -> None:
    metric = get_metric(name)()
    assert math.isnan(metric.aggregate(np.zeros(len(metric.columns))))
    assert metric.aggregate(np.zeros((3, 0, len(metric.columns)))).shape == (3, 0)
