from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.evaluation.metrics.words import character_overlap, overlap


def squad(prediction: str, reference: str) -> float:
    """SQuAD's F1 for one reference, written again from its definition."""

    def words(text: str) -> list[str]:
        kept = "".join(char for char in text.lower() if char not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", kept).split()

    predicted, expected = words(prediction), words(reference)
    if not predicted or not expected:
        return float(predicted == expected)
    left, shared = list(expected), 0
    for word in predicted:
        if word in left:
            left.remove(word)
            shared += 1
    if shared == 0:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(expected)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        # cat sat | cat sat down: 2 shared of 2 and of 3
        ("The cat sat.", "A cat sat down", (1, 2 / 3, 0.8)),
        # words count as often as they come: cat cat cat | cat cat
        ("cat cat cat", "cat cat", (2 / 3, 1, 0.8)),
        ("the", "a", (1, 1, 1)),
        ("", "word", (0, 0, 0)),
        ("other", "word", (0, 0, 0)),
        ("5,000 yuan", "5000 Yuan!", (1, 1, 1)),
    ],
)
def test_known_values(
    prediction: str, reference: str, expected: tuple[float, float, float]
) -> None:
    assert overlap(prediction, reference) == pytest.approx(expected)


def test_chinese_is_cut_by_jieba() -> None:
    # 奖学金 | 每年 | 申请 against 奖学金 | 每月 | 申请
    assert overlap("奖学金每年申请。", "奖学金，每月申请") == pytest.approx((2 / 3, 2 / 3, 2 / 3))


english = st.text(st.sampled_from("ab the.,'-\n"), max_size=40)


@given(english, english)
def test_equal_to_squads_definition(prediction: str, reference: str) -> None:
    assert overlap(prediction, reference)[2] == pytest.approx(squad(prediction, reference))


@given(st.text(max_size=30))
def test_a_text_agrees_with_itself(text: str) -> None:
    assert overlap(text, text) == (1, 1, 1)


def test_characters() -> None:
    # 奖学金每年申请 and 奖学金每月申请: six of seven characters shared.
    assert character_overlap("奖学金每年申请。", "奖学金，每月申请") == pytest.approx((6 / 7,) * 3)
    assert character_overlap("The abc.", "abd") == pytest.approx((2 / 3,) * 3)
    assert character_overlap("", "a") == (1, 1, 1)
    assert character_overlap("", "word") == (0, 0, 0)


@given(st.text(max_size=30))
def test_a_text_agrees_with_itself_by_characters(text: str) -> None:
    assert character_overlap(text, text) == (1, 1, 1)
