from __future__ import annotations

import pytest

from ftcore.evaluation.causes import family, listed, title
from ftcore.evaluation.metric import Example, MetricContext

CONTEXT = MetricContext()


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ("Paris is nice.\n", []),
        ("", ["empty"]),
        (" \n", ["empty"]),
        ("paris is nice", ["form"]),
        ("Yes: Paris is nice.", ["extra_text"]),
        ("Paris", ["partial"]),
        ("Pari", ["other_text"]),
        ("!", ["other_text"]),
        ("Rome.", ["other_text"]),
    ],
)
def test_causes(prediction: str, expected: list[str]):
    found = family("general").judge(Example("r", (), "Paris is nice.", prediction), CONTEXT, {})
    assert [finding.cause for finding in found] == expected


def test_a_family_for_each_task():
    names = [family(task).name for task in ("sql", "ner", "qa", "chat", "general")]
    assert names == ["sql", "entities", "answers", "persona", "text"]


def test_words_for_people():
    assert title("wrong_table") == "wrong table"
    assert listed(list("abc")) == "a, b, c"
    assert listed(list("abcdefghijk")) == "a, b, c, d, e, f, g, h and 3 more"
