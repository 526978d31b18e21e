"""What is compared: before and after of a run, or two runs on the rows that both have."""

from __future__ import annotations

import pytest

from ftcore.errors import DataError, UnsupportedError
from ftcore.judging.contests import find_contest
from ftcore.judging.pairs import before_and_after, two_runs

A = {"x": ("q", None, "one"), "y": ("q", None, "two"), "z": ("q", None, "three")}
B = {"y": ("q", None, "two"), "z": ("q", None, "3"), "w": ("q", None, "four")}


def test_before_and_after(make_run):
    run = make_run()
    contest = before_and_after(run)
    assert contest.names == ("before", "after")
    assert contest.folder == run.path / "judgements"
    assert [pair.row_id for pair in contest.pairs] == ["r0", "r1", "r2", "r3", "r4", "r5"]
    assert contest.pairs[0].answers == ("Lyon", "Paris")
    # Spaces around an answer are no difference.
    assert [pair.row_id for pair in contest.pairs if pair.identical] == ["r3"]
    assert not contest.folder.exists()


def test_few_shot_where_there_is_no_other_baseline(make_run):
    run = make_run(first="few_shot", second="after")
    contest = before_and_after(run)
    assert contest.names == ("few_shot", "after")
    assert contest.folder == run.path / "judgements" / "few_shot"
    with pytest.raises(DataError, match="no answers of the stage before") as caught:
        before_and_after(run, "before")
    assert caught.value.code == "judge.answers"


def test_a_row_without_one_of_the_answers_is_left_out(make_run):
    contest = before_and_after(make_run(rows={"x": ("q", "a", "b"), "y": ("q", None, "b")}))
    assert [pair.row_id for pair in contest.pairs] == ["x"]
    assert contest.left_out == 1


def test_two_runs_on_their_common_rows(make_run):
    first, second = make_run("toy-a", A), make_run("toy-b", B)
    contest = two_runs(first, second)
    assert contest.names == ("toy-a", "toy-b")
    assert [(pair.row_id, pair.answers) for pair in contest.pairs] == [
        ("y", ("two", "two")),
        ("z", ("three", "3")),
    ]
    assert contest.left_out == 2
    assert contest.folder == first.path / "judgements" / "with-toy-b"


def test_votes_stay_where_they_are_when_the_runs_are_named_the_other_way(make_run):
    first, second = make_run("toy-a", A), make_run("toy-b", B)
    contest = two_runs(first, second)
    contest.make_folder()
    turned = two_runs(second, first)
    assert turned.folder == contest.folder
    assert turned.names == ("toy-b", "toy-a")
    assert [pair.key for pair in turned.pairs] == [pair.key for pair in contest.pairs]


def test_refused(make_run):
    first = make_run("toy-a", A)
    with pytest.raises(UnsupportedError, match="both are run toy-a"):
        two_runs(first, first)
    with pytest.raises(DataError, match="no test row in common"):
        two_runs(first, make_run("toy-c", {"other": ("q", None, "a")}))
    empty = make_run("toy-d", {})
    with pytest.raises(DataError, match="no answers to judge"):
        before_and_after(empty)


def test_runs_are_found_by_name(make_run, tmp_path):
    make_run("toy-a")
    make_run("toy-b")
    root = tmp_path / "runs"
    assert find_contest("toy-a", runs=root).names == ("before", "after")
    assert find_contest("toy-a", "toy-b", runs=root).names == ("toy-a", "toy-b")
    with pytest.raises(UnsupportedError, match="no baseline"):
        find_contest("toy-a", "toy-b", runs=root, baseline="before")


def test_a_removed_run_is_not_made_anew(make_run, tmp_path):
    run = make_run()
    contest = before_and_after(run)
    run.path.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        contest.make_folder()
    assert not run.path.exists()
