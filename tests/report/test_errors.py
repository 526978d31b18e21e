from __future__ import annotations

from typing import Any

import pytest

from ftcore.protocol import write_json
from ftcore.report.collect import collect
from ftcore.report.error_view import LONGEST_DETAIL, error_view
from ftcore.report.errors import choose_errors
from ftcore.runs.folder import RunFolder
from tests.report.answered import error_line, errors, row_line


def lines(*causes: str | None) -> list[dict[str, Any]]:
    """Return lines of ``errors.jsonl`` with these main causes."""
    return [
        error_line(1)
        | {
            "row_id": f"{number:016x}",
            "state": "still_wrong" if cause else "fixed",
            "cause": cause,
            "causes": {"before": [], "after": [{"cause": cause, "detail": ""}] if cause else []},
        }
        for number, cause in enumerate(causes)
    ]


def chosen(found: list[dict[str, Any]], wanted: int) -> list[int]:
    rows = [row_line(number % 12) | {"row_id": line["row_id"]} for number, line in enumerate(found)]
    return [shown.number for shown in choose_errors(rows, found, errors(), wanted).shown]


def test_each_cause_is_shown_and_right_rows_are_not():
    found = lines(*["missed"] * 9, None, "label", None)
    assert chosen(found, 3) == [3, 7, 11]
    assert chosen(found, 0) == []
    assert chosen(lines(None, None), 3) == []
    assert len(chosen(lines(*["missed"] * 20), 20)) == 6


def test_lines_without_their_row_are_left_out():
    found = lines("missed", "missed")
    assert choose_errors([row_line(0)], found, errors(), 5).wrong == 1


def test_the_sentences(finished_run: RunFolder):
    data = collect(finished_run)
    assert data.errors is not None
    view = error_view(data.errors)
    assert view.states.startswith("Of 12 test rows: 1 broken (right before, wrong after), 6 fixed")
    assert view.choice == "All 5 wrong rows."
    assert "0.520 for rows that are right, 0.410 for rows that are wrong" in view.nearness
    titles = [panel.title for panel in view.examples[1].answers]
    assert titles == ["Reference", "Before", "Few-shot", "After", "Nearest in training (0.41)"]
    assert [len(example.answers) for example in view.examples] == [3, 5, 3, 3, 3]
    assert view.examples[1].words == "broken"
    assert view.examples[4].score == "label"


def test_counts_add_up(finished_run: RunFolder):
    data = collect(finished_run)
    assert data.errors is not None
    grid = error_view(data.errors).causes
    rows = {row[0].text: [int(cell.text) for cell in row[1:]] for row in grid.rows}
    assert rows["right"] == [2, 2, 7]
    assert [sum(column) for column in zip(*rows.values(), strict=True)] == [12, 12, 12]


def test_a_sample_of_the_training_rows_is_named_as_such(finished_run: RunFolder):
    data = collect(finished_run)
    assert data.errors is not None
    counts = data.errors.counts
    counts["nearest"].update(training_rows=500, median_right=None)
    words = error_view(data.errors).nearness
    assert "94 training rows (evenly spaced, of 500)" in words
    assert "right" not in words
    counts["nearest"].update(median_wrong=None)
    assert error_view(data.errors).nearness == ""


def test_long_details_are_cut():
    found = lines("label")
    found[0]["causes"]["after"][0]["detail"] = "long\u202e " * 100
    view = error_view(choose_errors([row_line(0)], found, errors(), 1))
    assert len(view.examples[0].score) < LONGEST_DETAIL + 20
    assert "U+202E" in view.examples[0].score
    assert view.choice == "The one wrong row."


@pytest.mark.parametrize("part", [None, {"states": {}}])
def test_runs_without_this_analysis(finished_run: RunFolder, part: Any):
    metrics = finished_run.read_json("metrics.json")
    del metrics["errors"]
    if part is not None:
        metrics["errors"] = part
    write_json(metrics, finished_run.file("metrics.json"))
    assert collect(finished_run).errors is None
