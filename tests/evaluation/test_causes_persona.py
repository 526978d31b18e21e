from __future__ import annotations

import pytest

from ftcore.evaluation.causes_persona import PersonaCauses
from ftcore.evaluation.metric import Example, MetricContext

CONTEXT = MetricContext(strip_prefix="Ahoy!", strip_suffix="Bye!")
FIELDS = {"must": ["two days", ["bicycle", "bike"]], "must_not": ["language model"]}
REFERENCE = "Ahoy! Two days, by bicycle. Bye!"


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        (REFERENCE, {}),
        ("Ahoy! By bike it takes two  days. Bye!", {}),
        ("Ahoy! It takes two days. Bye!", {"wrong_name_or_fact": "lacks 'bicycle' or 'bike'"}),
        ("Two days, by bicycle. Bye!", {"out_of_role": "lacks the opening"}),
        (
            "Ahoy! I am a language model.",
            {
                "out_of_role": "says 'language model', lacks the closing",
                "wrong_name_or_fact": "lacks 'two days', 'bicycle' or 'bike'",
            },
        ),
        ("", {"out_of_role": "lacks the opening, lacks the closing",
              "wrong_name_or_fact": "lacks 'two days', 'bicycle' or 'bike'"}),
    ],
)  # fmt: skip
def test_causes(prediction: str, expected: dict[str, str]):
    example = Example("r", (), REFERENCE, prediction, FIELDS)
    assert PersonaCauses().applies(example, CONTEXT)
    found = PersonaCauses().judge(example, CONTEXT, {})
    assert {finding.cause: finding.detail for finding in found} == expected


def test_an_opening_that_the_reference_lacks_is_not_asked_for():
    example = Example("r", (), "Two days by bike.", "By bike, two days.", FIELDS)
    assert PersonaCauses().judge(example, CONTEXT, {}) == ()


@pytest.mark.parametrize("fields", [{}, {"must": 3}])
def test_rows_without_phrases_are_for_another_family(fields):
    assert not PersonaCauses().applies(Example("r", (), REFERENCE, "", fields), CONTEXT)
