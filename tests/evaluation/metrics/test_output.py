from __future__ import annotations

import math

import numpy as np
import pytest

from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.output import CutAnswers, OutputTokens, OutputWords, Repetition

CONTEXT = MetricContext()


def example(prediction: str, **record: object) -> Example:
    return Example("r", (), "", prediction, record=record)


@pytest.mark.parametrize(("answer", "words"), [("Two words.", 2), ("九点开门", 2), ("", 0)])
def test_length_in_words(answer: str, words: int) -> None:
    assert OutputWords().score_row(example(answer), CONTEXT) == (words, 1)


def test_repetition_counts_runs_of_four() -> None:
    metric = Repetition()
    # a b c d, b c d a, c d a b, d a b c, a b c d: the last one came before.
    assert metric.score_row(example("a b c d A b c d"), CONTEXT) == (1, 5)
    assert metric.score_row(example("a b c"), CONTEXT) == (0, 0)
    assert metric.aggregate(np.array([1.0, 5.0])) == pytest.approx(0.2)
    assert math.isnan(metric.aggregate(np.zeros(2)))
    assert metric.higher_is_better is False


def test_figures_of_the_record_need_a_record() -> None:
    made = example("yes", token_ids=[1, 2, 3], finish="length")
    assert OutputTokens().score_row(made, CONTEXT) == (3, 1)
    assert CutAnswers().score_row(made, CONTEXT) == (1, 1)
    assert CutAnswers().score_row(example("yes", finish="stop"), CONTEXT) == (0, 1)
    for metric in (OutputTokens(), CutAnswers()):
        assert metric.applies(made)
        assert not metric.applies(example("yes"))
    assert OutputTokens().higher_is_better is None
