from __future__ import annotations

from typing import Any

import pytest

from ftcore.protocol import write_json
from ftcore.report.collect import collect
from ftcore.report.verdict import ending, verdict
from ftcore.runs.folder import RunFolder


def said(run: RunFolder, **main: Any) -> str:
    metrics = run.read_json("metrics.json")
    metrics["main"] |= main
    write_json(metrics, run.file("metrics.json"))
    return verdict(collect(run))


def test_a_finished_run_compares_before_and_after(finished_run: RunFolder) -> None:
    assert said(finished_run) == (
        "Entity F1 (strict, micro) went from 0.091 (before training) to 0.719 (after) on 12 test "
        "rows: higher (+0.628, 95% interval +0.508 to +0.748, paired); with examples in its "
        "prompt instead of training the model reaches 0.188."
    )


def test_no_significant_difference_is_said_so(finished_run: RunFolder) -> None:
    difference = finished_run.read_json("metrics.json")["differences"]["few_shot"]
    found = said(finished_run, differences={"before": difference["entity_parse_rate"]})
    assert "no significant difference (0.000, 95% interval −0.100 to +0.100, paired)" in found


def test_what_would_have_shown_is_said_too(finished_run: RunFolder) -> None:
    difference = finished_run.read_json("metrics.json")["differences"]["few_shot"]
    near = difference["entity_parse_rate"] | {"detectable": 0.25}
    found = said(finished_run, differences={"before": near})
    assert "paired; a difference of 0.250 would mostly show)" in found


def test_the_deciding_slice_is_named(finished_run: RunFolder) -> None:
    assert "test rows with slice = paraphrase:" in said(finished_run, slice="slice=paraphrase")


def test_without_before_the_few_shot_baseline_is_compared(finished_run: RunFolder) -> None:
    main = finished_run.read_json("metrics.json")["main"]
    del main["stages"]["before"], main["differences"]["before"]
    found = said(finished_run, **main)
    assert "from 0.188 (untuned with examples in its prompt) to 0.719 (after)" in found


def test_without_a_baseline_the_value_and_its_interval_are_said(finished_run: RunFolder) -> None:
    stages = finished_run.read_json("metrics.json")["main"]["stages"]
    found = said(finished_run, stages={"after": stages["after"]}, differences={})
    assert found == (
        "Entity F1 (strict, micro) is 0.719 (95% interval 0.649 to 0.788) after training "
        "on 12 test rows."
    )


def test_an_undefined_value_is_not_a_zero(finished_run: RunFolder) -> None:
    main = finished_run.read_json("metrics.json")["main"]
    main["stages"]["before"] |= {"value": None, "low": None, "high": None}
    main["differences"]["before"] |= {"difference": None, "low": None, "high": None}
    assert "from – (before training) to 0.719" in said(finished_run, **main)
    assert "the difference is undefined" in verdict(collect(finished_run))


def test_no_test_rows_is_no_score(finished_run: RunFolder) -> None:
    empty = {"main_metric": "x", "stages": {}, "differences": {}, "slices": {}, "scores": {}}
    main = {"metric": "x", "slice": None, "stages": {}, "differences": {}}
    write_json({"main": main, **empty}, finished_run.file("metrics.json"))
    finished_run.file("predictions/rows.jsonl").write_text("", encoding="utf-8")
    assert "nothing was scored" in verdict(collect(finished_run))


def test_a_finished_run_has_no_ending(finished_run: RunFolder) -> None:
    assert ending(collect(finished_run)) is None


def test_an_interrupted_run_says_where(interrupted_run: RunFolder) -> None:
    end = ending(collect(interrupted_run))
    assert end is not None
    assert end.sentence == "The run was interrupted in training, after 17 of 48 steps."
    assert verdict(collect(interrupted_run)) == ""


def test_a_failed_run_says_why_and_what_to_try(failed_run: RunFolder) -> None:
    end = ending(collect(failed_run))
    assert end is not None
    assert end.sentence == "The run failed while the untuned model was evaluated."
    assert "out of memory" in end.message
    assert end.hint == "lower train.batch_size"
    assert end.log.startswith("loading\nKilled")


@pytest.mark.parametrize(("state", "word"), [("running", "crashed"), ("preparing", "crashed")])
def test_a_run_whose_owner_is_gone_crashed(
    interrupted_run: RunFolder, state: str, word: str
) -> None:
    manifest = interrupted_run.read_json("run.json")
    write_json(manifest | {"state": state}, interrupted_run.file("run.json"))
    end = ending(collect(interrupted_run))
    assert end is not None
    assert word in end.sentence


def test_a_run_that_is_going_says_so(interrupted_run: RunFolder) -> None:
    manifest = interrupted_run.read_json("run.json")
    write_json(manifest | {"state": "running"}, interrupted_run.file("run.json"))
    with interrupted_run.lock():
        end = ending(collect(interrupted_run))
    assert end is not None
    assert end.sentence.startswith("The run is still going")
