from __future__ import annotations

import pytest

from ftcore.evaluation.causes_qa import AnswerCauses, declines
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.rendering.messages import Message

OPEN = "The library is open from 7 in the morning to 11 at night."
SILENT = "The handbook does not say."


def causes(prediction: str, reference: str, question: str = "") -> list[str]:
    prompt = (Message("user", question),) if question else ()
    example = Example("r1", prompt, reference, prediction)
    assert AnswerCauses().applies(example, MetricContext())
    return [finding.cause for finding in AnswerCauses().judge(example, MetricContext(), {})]


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        (OPEN, OPEN, []),
        ("At night the library is open; from 7 in the morning to 11!", OPEN, []),
        ("The library is open from 11 in the morning to 7 at night.", OPEN, ["wording"]),
        ("The library is open from 7 in the morning.", OPEN, ["partial"]),
        ("The library is open from 9 in the morning.", OPEN, ["unsupported_fact", "partial"]),
        (f"{OPEN} Cats may stay.", OPEN, ["unsupported_fact"]),
        (SILENT, OPEN, ["refusal"]),
        ("I do not know.", OPEN, ["refusal"]),
        ("", OPEN, ["refusal"]),
        ("That is not mentioned anywhere.", SILENT, []),
        (OPEN, SILENT, ["unsupported_fact"]),
        ("", SILENT, ["partial"]),
        ("It is not allowed.", "It is allowed.", ["unsupported_fact"]),
        ("每学期事假累计不得超过七天。", "每学期的事假累计不得超过七天", []),
        (
            "每学期事假累计不得超过九天。",
            "每学期事假累计不得超过七天。",
            ["unsupported_fact", "partial"],
        ),
        ("手册中没有说明。", "每学期事假累计不得超过七天。", ["refusal"]),
    ],
)
def test_causes(prediction: str, reference: str, expected: list[str]):
    assert causes(prediction, reference) == expected


def test_words_of_the_prompt_are_supported():
    asked = "What does a lost card cost?"
    assert causes("A lost card costs 10 crowns.", "10 crowns.", asked) == ["unsupported_fact"]
    assert causes("A lost card: 10 crowns.", "10 crowns.", asked) == ["wording"]


@pytest.mark.parametrize(
    "text",
    ["I can't help with that.", "I'm not sure.", "There is no information on it.", "我不知道。",
     "The page doesn’t mention it.", "We cannot answer this."],
)  # fmt: skip
def test_texts_that_decline(text: str):
    assert declines(text)


@pytest.mark.parametrize(
    "text", ["You do not need a form.", "Dogs are not allowed.", "Ask Ann. I do not know.", ""]
)
def test_texts_that_do_not(text: str):
    assert not declines(text)
