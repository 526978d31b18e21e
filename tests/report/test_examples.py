from __future__ import annotations

from typing import Any

import pytest

from ftcore.report.examples import choose_examples, evenly_spaced, shared_out
from ftcore.runs.folder import RunFolder


@pytest.mark.parametrize(
    ("total", "wanted", "places"),
    [(10, 5, [1, 3, 5, 7, 9]), (3, 5, [0, 1, 2]), (7, 1, [3]), (4, 0, []), (0, 3, [])],
)
def test_places_are_evenly_spaced(total: int, wanted: int, places: list[int]) -> None:
    assert evenly_spaced(total, wanted) == places


@pytest.mark.parametrize(
    ("wanted", "sizes", "shares"),
    [
        (10, {"better": 97, "worse": 1, "same": 36}, {"better": 7, "worse": 1, "same": 2}),
        (10, {"better": 122, "same": 12}, {"better": 9, "same": 1}),
        (10, {"better": 3, "same": 2}, {"better": 3, "same": 2}),
        (2, {"better": 5, "worse": 1, "same": 9}, {"better": 1, "worse": 0, "same": 1}),
        (0, {"better": 5}, {"better": 0}),
        (3, {}, {}),
    ],
)
def test_every_outcome_has_its_share(
    wanted: int, sizes: dict[str, int], shares: dict[str, int]
) -> None:
    assert shared_out(wanted, sizes) == shares


@pytest.fixture
def rows(finished_run: RunFolder) -> list[dict[str, Any]]:
    return finished_run.read_lines("predictions/rows.jsonl")


@pytest.fixture
def metrics(finished_run: RunFolder) -> dict[str, Any]:
    data: dict[str, Any] = finished_run.read_json("metrics.json")
    return data


def test_the_mix_holds_what_got_better_and_what_got_worse(
    rows: list[dict[str, Any]], metrics: dict[str, Any]
) -> None:
    found = choose_examples(rows, metrics, 5)
    assert found.counts == {"better": 8, "worse": 1, "same": 3}
    assert len(found.shown) == 5
    assert [example.number for example in found.shown] == sorted(
        example.number for example in found.shown
    )
    assert {example.outcome for example in found.shown} == {"better", "worse", "same"}
    assert found == choose_examples(rows, metrics, 5)


def test_a_row_without_a_score_of_its_own_is_judged_by_equality(
    rows: list[dict[str, Any]], metrics: dict[str, Any]
) -> None:
    rows[2]["reference"] = "No entities."
    rows[2]["answers"] = {"before": "Sure!", "few_shot": "x", "after": "No entities.\n"}
    found = choose_examples(rows, metrics, 12)
    third = found.shown[2]
    assert found.undefined == 1
    assert third.outcome == "better"
    assert third.equal == {"before": False, "after": True}


def test_less_is_better_turns_the_outcome_round(
    rows: list[dict[str, Any]], metrics: dict[str, Any]
) -> None:
    for scores in metrics["scores"].values():
        scores["metrics"]["entity_f1"]["higher_is_better"] = False
    assert choose_examples(rows, metrics, 5).counts["worse"] == 8


def test_without_a_baseline_rows_are_evenly_spaced(
    rows: list[dict[str, Any]], metrics: dict[str, Any]
) -> None:
    metrics["scores"] = {"after": metrics["scores"]["after"]}
    found = choose_examples(rows, metrics, 4)
    assert [example.number for example in found.shown] == [2, 5, 8, 11]
    assert found.baseline is None
    assert found.counts == {}
