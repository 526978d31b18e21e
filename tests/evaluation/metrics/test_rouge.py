from __future__ import annotations

import random
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.evaluation.metric import Example, MetricContext, get_metric
from ftcore.evaluation.metrics.rouge import Rouge1, Rouge2, RougeL, rouge_scores, strip_fixed
from ftcore.evaluation.text import chinese_tokens

ENGLISH = [
    "The",
    "shop",
    "opens",
    "at",
    "nine",
    ".",
    "It",
    "closes",
    "six",
    ",",
    "day",
    "!",
    "Why",
    "?",
]
CHINESE = ["今天天气很好", "我们", "九点开门。", "请问", "店里有茶，", "为什么？", "吗"]


def oracle(kind: str, prediction: str, reference: str) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rouge_chinese import Rouge  # type: ignore[import-untyped]

    def tokens(text: str) -> str:
        chinese = any("\u4e00" <= char <= "\u9fa5" for char in text)
        return " ".join(chinese_tokens(text)) if chinese else text

    scores: Any = Rouge().get_scores([tokens(prediction)], [tokens(reference)])
    return float(scores[0][kind]["f"])


def values(prediction: str, reference: str, context: MetricContext | None = None) -> list[float]:
    example = Example("r", (), reference, prediction)
    context = context or MetricContext()
    return [metric().row_score(example, context) for metric in (Rouge1, Rouge2, RougeL)]


def test_known_values() -> None:
    # Words: {the, cat, sat, on, mat} and {the, cat, on, mat}: 4 shared of 5 and of 4.
    # Pairs: the-cat, cat-sat, sat-on, on-mat and the-cat, cat-on, on-the, the-mat: 1 of 4.
    # Longest common subsequence: the cat on mat: 4 of 5 and of 5.
    assert values("the cat sat on mat", "the cat on the mat") == pytest.approx(
        [8 / 9, 0.25, 0.8], abs=1e-7
    )


def test_recall_and_precision() -> None:
    example = Example("r", (), "the cat on the mat", "the cat sat on mat")
    figures = {
        name: get_metric(f"rouge_{name}")().row_score(example, MetricContext())
        for name in ("1_r", "1_p", "2_r", "2_p", "l_r", "l_p")
    }
    assert figures == pytest.approx(
        {"1_r": 1, "1_p": 0.8, "2_r": 0.25, "2_p": 0.25, "l_r": 0.8, "l_p": 0.8}
    )


@pytest.mark.parametrize("blank", ["", "  ", "\n\n"])
def test_an_empty_answer_scores_zero(blank: str) -> None:
    assert values(blank, "a b c") == [0, 0, 0]


def test_equal_to_rouge_chinese_on_mixed_pairs() -> None:
    rng = random.Random(0)
    for _ in range(150):
        prediction, reference = (
            " ".join(rng.choices(ENGLISH + CHINESE * rng.randint(0, 1), k=rng.randint(1, 25)))
            for _ in range(2)
        )
        for kind in ("rouge-1", "rouge-2", "rouge-l"):
            expected = oracle(kind, prediction, reference)
            assert rouge_scores(kind, prediction, reference)[0] == pytest.approx(
                expected, abs=1e-12
            )


def test_chinese_is_judged_for_each_side_alone() -> None:
    assert rouge_scores("rouge-1", "open at nine", "九点开门") == (0, 0, 0)
    same = rouge_scores("rouge-l", "九点开门", "九点开门")
    assert same == pytest.approx((1, 1, 1), abs=1e-7)


def test_fixed_opening_and_closing_are_cut_from_both() -> None:
    context = MetricContext(strip_prefix="Ahoy! ", strip_suffix=" Fair winds!")
    assert strip_fixed("  Ahoy! We open at nine. Fair winds!\n", context) == "We open at nine."
    assert strip_fixed("We open. Fair winds! Bye", context) == "We open. Fair winds! Bye"
    same_frame = values("Ahoy! no idea Fair winds!", "Ahoy! at nine Fair winds!", context)
    assert same_frame == [0, 0, 0]
    assert values("Ahoy! Fair winds!", "Ahoy! at nine Fair winds!", context) == [0, 0, 0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(ENGLISH + CHINESE), min_size=2, max_size=12))
def test_a_text_agrees_with_itself(words: list[str]) -> None:
    text = " ".join(words)
    assert values(text, text) == pytest.approx([1, 1, 1], abs=1e-7)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_scores_between_zero_and_one(prediction: str, reference: str) -> None:
    assert all(0 <= value <= 1 for value in values(prediction, reference))
