from __future__ import annotations

from typing import Any

import pytest

from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.persona import PersonaConsistency, mentions


def example(prediction: str, **fields: Any) -> Example:
    return Example("r1", (), "", prediction, fields)


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("I am ANN.", "Ann", True),
        ("An annual fee", "Ann", False),
        ("open  at\nnine", "Open at nine", True),
        ("我是小茶，您好", "小茶", True),
        ("我是AI助手", "AI", True),
        ("said", "AI", False),
        ("costs $5.", "$5", True),
        ("costs $50", "$5", False),
    ],
)
def test_mentions(text: str, phrase: str, expected: bool) -> None:
    assert mentions(text, phrase) is expected


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ("I'm Captain Tea, we open at nine.", 1),
        ("I'm Captain Tea, we open at 9.", 1),
        ("We open at nine.", 0),
        ("I'm Captain Tea, an AI; we open at nine.", 0),
        ("", 0),
    ],
)
def test_musts_and_must_nots(prediction: str, expected: float) -> None:
    row = example(prediction, must=["captain tea", ["nine", "9"]], must_not=["an AI"])
    assert PersonaConsistency().score_row(row, MetricContext()) == (expected, 1)


def test_facts_of_the_persona_hold_for_every_row() -> None:
    context = MetricContext(persona={"must_not": ["language model"], "name": "Captain Tea"})
    metric = PersonaConsistency()
    assert metric.row_score(example("As a language model", must=[]), context) == 0
    assert metric.row_score(example("Aye", must=[]), context) == 1


def test_rows_without_demands_do_not_count() -> None:
    assert not PersonaConsistency().applies(example("x"))
    assert PersonaConsistency().applies(example("x", must_not="y"))


@pytest.mark.parametrize("bad", [5, [5], [[]], [""], [["a", 3]], {"a": 1}])
def test_unreadable_phrases_are_problems(bad: Any) -> None:
    found = PersonaConsistency().problems([example("x", must=bad)], MetricContext())
    assert [problem.code for problem in found] == ["data.persona-phrases"]
    assert "r1" in found[0].message
