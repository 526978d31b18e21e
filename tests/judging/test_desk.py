"""The desk: pairs without names, votes that are kept, people who come back."""

from __future__ import annotations

import json
import threading

import pytest

from ftcore.errors import DataError, InputError, MachineError
from ftcore.judging.desk import Desk, Progress
from ftcore.judging.pairs import before_and_after
from tests.judging.conftest import ROWS


def vote(desk, name, choice, row, **more):
    return desk.vote(name, {"row": row, "choice": choice, **more})


def test_a_whole_sitting(contest):
    desk = Desk(contest)
    state = desk.state("Ada")
    assert (state["total"], state["voted"], state["can_undo"]) == (5, 0, False)
    assert not contest.folder.exists()  # who only looks leaves nothing
    seen = []
    while state["pair"]:
        pair = state["pair"]
        first = ROWS[pair["row"]][1:].index(pair["answers"][0]) if "<" not in str(pair) else None
        seen.append((pair["row"], first))
        state = vote(desk, "Ada", "1", pair["row"], seconds=1.23, reference=True)
    assert sorted(row for row, _ in seen) == ["r0", "r1", "r2", "r4", "r5"]
    assert (state["voted"], state["skipped"]) == (5, 0)
    votes, _ = desk.file.read()
    for line, (row, first) in zip(votes, seen, strict=True):
        assert (line.row_id, line.winner) == (row, line.left)
        assert (line.reference, line.seconds) == (True, 1.2)
        if first is not None:
            assert line.left == contest.names[first]
    assert {line.left for line in votes} == {"before", "after"}
    assert desk.progress() == [Progress("Ada", 5, 5, 5)]


def test_another_day(contest):
    first = Desk(contest)
    row = first.state("Ada")["pair"]["row"]
    vote(first, "Ada", "tie", row)
    again = Desk(contest)
    state = again.state("ada")
    assert (state["rater"], state["voted"]) == ("Ada", 1)
    assert state["pair"]["row"] != row
    assert again.undo("Ada")["pair"]["row"] == row
    assert again.progress() == [Progress("Ada", 0, -1, 5)]
    assert again.undo("Ada")["can_undo"] is False
    assert again.state("Ben")["voted"] == 0


def test_skipped_rows_come_again_when_asked_for(contest):
    desk = Desk(contest, rater="Ada")
    first = desk.state("")["pair"]["row"]
    state = vote(desk, "whoever", "skip", first)
    while state["pair"]:
        state = vote(desk, "", "2", state["pair"]["row"])
    assert (state["rater"], state["voted"], state["skipped"]) == ("Ada", 4, 1)
    state = desk.reopen("")
    assert (state["pair"]["row"], state["skipped"]) == (first, 0)


def test_the_page_learns_no_names(contest):
    desk = Desk(contest)
    state = desk.state("Ada")
    while state["pair"]:
        assert set(state["pair"]) == {"row", "prompt", "answers", "reference"}
        told = json.dumps({**state, "pair": {**state["pair"], "answers": []}})
        assert "before" not in told
        assert "after" not in told
        state = vote(desk, "Ada", "1", state["pair"]["row"])


def test_characters_that_do_not_show_are_spelt_out(contest):
    desk = Desk(contest)
    state = desk.state("Ada")
    while state["pair"]["row"] != "r2":
        state = vote(desk, "Ada", "1", state["pair"]["row"])
    assert any("U+202E after" in text for text in state["pair"]["answers"])


def test_identical_answers_only_when_asked_for(contest, make_run):
    assert Desk(contest, identical=True).state("Ada")["total"] == 6
    same = before_and_after(make_run("same", {"x": ("q", "a", "a ")}))
    with pytest.raises(DataError, match="nothing to judge"):
        Desk(same)
    assert Desk(same, identical=True).state("Ada")["total"] == 1


@pytest.mark.parametrize(
    "body", [{}, {"row": "r0"}, {"row": "r0", "choice": "3"}, {"row": ["r0"], "choice": "1"}]
)
def test_requests_that_make_no_sense(contest, body):
    with pytest.raises(InputError, match="no such row or choice"):
        Desk(contest).vote("Ada", body)


@pytest.mark.parametrize("seconds", [-1, 1e9, "5", None, True])
def test_odd_times_are_left_out(contest, seconds):
    desk = Desk(contest)
    vote(desk, "Ada", "1", "r0", seconds=seconds)
    assert desk.file.read()[0][0].seconds is None


def test_a_vote_that_cannot_be_kept_is_an_error(contest, tmp_path):
    desk = Desk(contest)
    contest.run.rename(tmp_path / "gone")
    with pytest.raises(MachineError, match="could not be kept") as caught:
        vote(desk, "Ada", "1", "r0")
    assert caught.value.code == "judge.votes"


def test_several_people_at_once(contest):
    desk = Desk(contest)

    def sit(name):
        state = desk.state(name)
        while state["pair"]:
            state = vote(desk, name, "1", state["pair"]["row"])

    threads = [threading.Thread(target=sit, args=(f"p{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(desk.progress(), key=lambda one: one.rater) == [
        Progress(f"p{n}", 5, 5, 5) for n in range(6)
    ]
