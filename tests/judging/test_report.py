"""What votes come to: raters, people by row, models beside them, and what is left out."""

from __future__ import annotations

import json

import pytest

import ftcore
from ftcore.judging.pairs import before_and_after
from ftcore.judging.report import JudgeReport
from ftcore.judging.votes import Vote, VoteFile


@pytest.fixture
def judged(make_run):
    """Twelve rows, two of them with identical answers; two people and a model."""
    rows = {f"r{n}": ("q", f"before {n}", f"after {n}") for n in range(10)}
    rows |= {f"same{n}": ("q", "x", "x") for n in range(2)}
    contest = before_and_after(make_run(rows=rows))
    contest.make_folder()
    file = VoteFile(contest.folder / "votes.jsonl")
    keys = {pair.row_id: pair.key for pair in contest.pairs}

    def give(rater, verdicts, **more):
        for number, letter in enumerate(verdicts):
            winner = {"a": "after", "b": "before", "t": "tie"}[letter]
            row = f"r{number}"
            file.append(Vote(1.0, rater, "vote", row, keys[row], winner, **more))

    give("Ada", "aaaaaaaatb", left="after")
    give("Ben", "aaaaaabbt", left="before")
    give("model:m", "aaaaaatttt", orders=("after", "before"), judge="j")
    file.append(Vote(1.0, "Ben", "skip", "r9", keys["r9"]))
    return contest


def test_figures(judged):
    report = JudgeReport.of(judged)
    ada, ben, model = report.raters
    assert (ada.preference.wins, ada.preference.ties, ada.preference.losses) == (8, 1, 1)
    assert ada.preference.rate == (8 + 0.5 + 1) / 12
    assert (ada.first_side, ada.decided) == (8, 9)
    assert (ben.first_side, ben.decided, ben.skipped) == (2, 8, 1)
    assert ben.preference.identical == 2  # nine tenths of two, rounded
    assert (model.model, model.by_order) == (True, 10)
    # By row: both on 0-5, even on 6 and 7, tie on 8, Ada alone on 9.
    people = report.people
    assert (people.wins, people.ties, people.losses) == (6, 3, 1)
    assert report.among_people.rows == 9
    assert report.among_people.observed == pytest.approx(7 / 9)
    (both,) = report.with_people
    assert (both.raters, both.rows) == (("model:m", "people"), 10)
    assert both.observed == pytest.approx(0.9)


def test_texts(judged):
    report = JudgeReport.of(judged)
    text = report.to_text()
    assert "Won" in text
    assert "all people, by row" in text
    assert "12 rows with two answers; on 2 both answers are identical" in text
    assert "People: equal verdicts in 0.778 of pairs on 9 rows" in text
    assert "model:m: 10 verdicts changed with the order" in text
    assert "Ben: 1 row skipped." in text
    assert "| all people, by row | 10 |" in report.to_markdown().replace("**", "")
    assert "<table" in report._repr_html_()


def test_files(judged):
    markdown, data = JudgeReport.of(judged).write()
    assert markdown.parent == judged.folder
    found = json.loads(data.read_text())
    assert found["names"] == ["before", "after"]
    assert found["people"]["wins"] == 6
    assert found["raters"][0]["preference"]["rate"] == pytest.approx(9.5 / 12)
    assert markdown.read_text().startswith("# Votes: after against before\n")


def test_the_python_face(judged, tmp_path):
    report = ftcore.judge_report("toy-a", runs=tmp_path / "runs")
    assert isinstance(report, ftcore.JudgeReport)
    assert report.people.wins == 6
    assert not (judged.folder / "report.md").exists()


def test_votes_on_other_answers_are_left_out(judged):
    path = judged.run / "predictions" / "rows.jsonl"
    path.write_text(path.read_text().replace('"after 0"', '"another"'))
    report = JudgeReport.of(before_and_after(ftcore_run(judged)))
    assert report.stale == 3
    assert report.raters[0].preference.judged == 9
    assert "3 votes left out: given on other answers" in report.to_text()


def test_damaged_lines_are_said(judged):
    with (judged.folder / "votes.jsonl").open("a") as file:
        file.write("{]\n")
    assert "1 line of votes.jsonl cannot be read." in JudgeReport.of(judged).to_text()


def test_no_votes(contest):
    report = JudgeReport.of(contest)
    assert (report.people, report.raters, report.among_people) == (None, (), None)
    assert "There are no votes yet." in report.to_text()
    assert "|" not in report.to_markdown()
    assert "<table" not in report._repr_html_()


def test_a_name_cannot_break_the_markdown(contest):
    contest.make_folder()
    pair = contest.pairs[0]
    name = "a|b`<img src=x>"
    vote = Vote(1.0, name, "vote", pair.row_id, pair.key, "after", left="after")
    VoteFile(contest.folder / "votes.jsonl").append(vote)
    text = JudgeReport.of(contest).to_markdown()
    assert r"a\|b\`\<img src=x\>" in text
    assert "<img" not in JudgeReport.of(contest)._repr_html_()


def ftcore_run(contest):
    from ftcore.runs.folder import RunFolder

    return RunFolder(contest.run)
