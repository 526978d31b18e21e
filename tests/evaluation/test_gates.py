from __future__ import annotations

import pytest

from ftcore.errors import DataError, InputError
from ftcore.evaluation.gates import (
    GateResult,
    Requirement,
    check_no_worse,
    check_requirement,
    parse_requirement,
    require_known,
)
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.score import Scores, score

ONE = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}
METRICS = {
    "main": {"metric": "exact_match", "stages": {"after": {**ONE, "value": 0.9}}},
    "stages": {
        "after": {"exact_match": ONE, "entity_f1": dict.fromkeys(("value", "low", "high"), None)}
    },
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("entity_f1>=0.8", Requirement("entity_f1", "value", ">=", 0.8)),
        (" entity_f1 : lower > 1e-1 ", Requirement("entity_f1", "lower", ">", 0.1)),
        ("loss:upper<2", Requirement("loss", "upper", "<", 2.0)),
        ("main<=-.5", Requirement("main", "value", "<=", -0.5)),
        ("my-metric.v2==0", Requirement("my-metric.v2", "value", "==", 0.0)),
    ],
)
def test_what_is_asked_for(text: str, expected: Requirement):
    assert parse_requirement(text) == expected
    assert parse_requirement(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected METRIC"),
        ("entity_f1", "expected METRIC"),
        ("entity_f1=0.8", "expected METRIC"),
        ("entity_f1=>0.8", "expected METRIC"),
        (">=0.8", "expected METRIC"),
        ("entity_f1>=", "expected METRIC"),
        ("entity_f1>=high", "'high' is no number"),
        ("entity_f1>=nan", "'nan' is no number"),
        ("entity_f1>=inf", "'inf' is no number"),
        ("entity_f1:middle>=0.8", "comes lower or upper, not 'middle'"),
    ],
)
def test_what_cannot_be_read(text: str, why: str):
    with pytest.raises(InputError, match=why) as caught:
        parse_requirement(text)
    assert (caught.value.code, caught.value.exit_code) == ("gate.syntax", 2)


def test_an_unknown_metric_is_answered_with_those_that_exist():
    known = ["exact_match", "token_f1"]
    require_known([parse_requirement("token_f1>0"), parse_requirement("main>0")], known)
    with pytest.raises(InputError, match="does not compute 'entity_f1'") as caught:
        require_known([parse_requirement("entity_f1>0")], known)
    assert "there are: exact_match, token_f1, and main" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("exact_match>=0.5", True),
        ("exact_match>0.5", False),
        ("exact_match<=0.5", True),
        ("exact_match<0.5", False),
        ("exact_match==0.5", True),
        ("exact_match==0.50001", False),
        ("exact_match:lower>=0.4", True),
        ("exact_match:lower>=0.41", False),
        ("exact_match:upper<0.61", True),
        ("main>=0.9", True),
        ("entity_f1>=0", False),
        ("entity_f1:lower<1", False),
    ],
)
def test_bounds(text: str, held: bool):
    result = check_requirement(parse_requirement(text), METRICS)
    assert isinstance(result, GateResult)
    assert (result.gate, result.held) == (text, held)
    assert (result.value is None) == ("entity_f1" in text) == (result.words == "undefined")


def test_a_stage_that_was_not_scored():
    result = check_requirement(parse_requirement("exact_match>0"), {**METRICS, "stages": {}})
    assert (result.held, result.value) == (False, None)


def scored(right: int, rows: int = 40, metric: str = "exact_match") -> Scores:
    examples = [
        Example(f"r{n}", (), "yes", "yes" if n < right else "no no no no no", {"part": "a"})
        for n in range(rows)
    ]
    return score(examples, [metric], MetricContext(), resamples=200)


def no_worse(before: int, after: int, margin: float | None = None, **changes) -> GateResult:
    return check_no_worse(
        scored(before), scored(after), "exact_match", run="earlier", margin=margin, **changes
    )


@pytest.mark.parametrize(
    ("before", "after", "margin", "held"),
    [
        (20, 20, None, True),
        (20, 30, None, True),
        (20, 19, None, True),  # worse, but not shown to be
        (30, 10, None, False),
        (20, 20, 0.0, False),  # forty equal rows do not show that no others differ
        (20, 20, 0.1, True),
        (20, 19, 0.0, False),
        (20, 19, 0.3, True),
        (30, 10, 0.3, False),
        (30, 10, 0.9, True),
    ],
)
def test_no_worse_than_a_run(before: int, after: int, margin: float | None, held: bool):
    result = no_worse(before, after, margin)
    assert result.held == held
    assert result.bound == (-margin if margin else 0.0)
    assert result.value == pytest.approx((after - before) / 40)
    assert result.difference is not None
    assert result.difference["low"] <= result.value <= result.difference["high"]
    assert result.gate.startswith("exact_match no worse than earlier")


def test_where_less_is_better():
    def gate(before: int, after: int, margin: float | None = None) -> bool:
        sides = [scored(right, metric="repetition") for right in (before, after)]
        return check_no_worse(*sides, "repetition", run="earlier", margin=margin).held

    # Right answers have too few words to repeat any.
    assert gate(10, 30)
    assert gate(10, 10, 0.1)


def test_only_the_rows_that_decide():
    result = no_worse(30, 10, rows=[f"r{n}" for n in range(10)])
    assert (result.held, result.value, result.difference["n"]) == (True, 0.0, 10)


def test_other_rows_are_refused():
    with pytest.raises(DataError, match="not scored on the same rows"):
        check_no_worse(
            scored(3, rows=9), scored(3, rows=10), "exact_match", run="earlier", margin=None
        )
