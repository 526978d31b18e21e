"""`ft eval` on a file of predictions, and the gates of `ft eval` and `ft run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftcore.runs.folder import RunFolder


@pytest.fixture
def answers(toy):
    """A function that writes a file of predictions whose first ``right`` of 5 are right."""
    rows = [json.loads(line) for line in (toy.root / "test.jsonl").read_text("utf-8").splitlines()]

    def write(right: int, name: str = "answers.jsonl") -> Path:
        path = toy.root / name
        lines = [
            json.dumps({"prediction": row["completion"] if n < right else "no"})
            for n, row in enumerate(rows)
        ]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def evaluate(ft, toy):
    """A function that runs ``ft eval`` on a file with the recipe of the toy."""

    def run(*given: object):
        return ft("eval", *given, "--recipe", toy.recipe, "--runs", toy.runs)

    return run


def test_a_file_of_predictions(evaluate, toy, answers):
    said = evaluate(answers(3), "--json")
    assert said.code == 0, said.err
    data = said.data
    assert data["metrics"]["exact_match"]["value"] == pytest.approx(0.6)
    assert (data["ok"], data["gates"], data["reproduced"]) == (True, [], None)
    assert data["errors"]["states"] == {"right": 3, "wrong": 2}
    run = RunFolder(Path(data["evaluation"]))
    assert run.path.parent == (toy.runs / "evaluations").resolve()
    assert (run.manifest().state, run.manifest().backend) == ("finished", "predictions")
    assert [line["cause"] for line in run.read_lines("errors.jsonl")][3:] == ["other_text"] * 2
    assert not (toy.cache / "environments").exists()


def test_predictions_that_do_not_fit(evaluate, answers, toy):
    path = answers(3)
    path.write_text(path.read_text("utf-8") + '\n{"prediction": "x"}\n', encoding="utf-8")
    assert "6 predictions without row ids for 5 test rows" in evaluate(path).refused(2)
    path.write_text('{"text": 1}\n', encoding="utf-8")
    assert "answers.jsonl:1: 'text' is no text" in evaluate(path).refused(2)
    assert not (toy.runs / "evaluations").exists()


def test_gates_that_hold(evaluate, answers):
    said = evaluate(answers(4), "--require", "exact_match>=0.8", "--require", "main:lower>0.1")
    assert said.code == 0, said.err
    assert "exact_match>=0.8" in said.out
    assert said.out.count("yes") == 2


def test_gates_that_do_not(evaluate, answers):
    said = evaluate(answers(3), "--require", "exact_match>=0.8", "--require", "main<1")
    text = said.refused(7)
    assert "1 of 2 gates does not hold: exact_match>=0.8: 0.6" in text
    assert "gate.not-held" in text
    rows = [line.split() for line in said.out.splitlines() if line.startswith(("exact", "main"))]
    assert rows == [["exact_match>=0.8", "0.600", "0.8", "no"], ["main<1", "0.600", "1", "yes"]]


def test_gates_as_data(evaluate, answers):
    said = evaluate(answers(3), "--require", "exact_match>=0.8", "--json")
    assert said.code == 7
    assert said.data["ok"] is False
    (gate,) = said.data["gates"]
    assert (gate["gate"], gate["bound"], gate["held"]) == ("exact_match>=0.8", 0.8, False)
    assert gate["value"] == pytest.approx(0.6)


def test_an_unknown_metric_is_refused_with_those_there_are(evaluate, answers, toy):
    text = evaluate(answers(3), "--require", "entity_f1>=0.8").refused(2)
    assert "there are: exact_match, and main" in text
    assert "cannot be read" in evaluate(answers(3), "--require", "exact_match").refused(2)
    assert not (toy.runs / "evaluations").exists()


def test_no_worse_than_an_earlier_evaluation(evaluate, answers):
    earlier = evaluate(answers(5), "--json").data["evaluation"]
    same = evaluate(answers(5), "--no-worse-than", earlier)
    assert same.code == 0, same.err
    assert "no significant difference" in same.out
    # Four of five rows is not significantly worse than five of five, nor shown to be as good.
    fewer = answers(4, "fewer.jsonl")
    assert evaluate(fewer, "--no-worse-than", earlier).code == 0
    text = evaluate(fewer, "--no-worse-than", earlier, "--margin", "0.1").refused(7)
    assert "exact_match no worse than" in text
    data = evaluate(answers(0), "--no-worse-than", earlier, "--json").data
    assert data["gates"][0]["difference"]["difference"] == pytest.approx(-1)


def test_other_rows_cannot_be_compared(evaluate, answers):
    earlier = evaluate(answers(5), "--json").data["evaluation"]
    path = answers(3)
    path.write_text("\n".join(path.read_text("utf-8").split("\n")[:2]), encoding="utf-8")
    text = evaluate(path, "--no-worse-than", earlier, "--limit", "2").refused(2)
    assert "was scored on other test rows" in text


def test_a_run_with_gates_is_finished_and_reported_whatever_they_say(ft, toy):
    given = ("--python", "current", "--runs", toy.runs)
    said = ft("run", toy.recipe, *given, "--require", "exact_match>1")
    assert "exact_match>1: " in said.refused(7)
    assert "no" in said.out
    (folder,) = toy.runs.glob("*/run.json")
    assert json.loads(folder.read_text("utf-8"))["state"] == "finished"
    assert (folder.parent / "report.html").exists()
    again = ft("run", toy.recipe, *given, "--no-worse-than", "last", "--json")
    assert (again.code, again.data["ok"]) == (0, True)
    assert again.data["gates"][0]["difference"]["n"] == 5


def test_gates_are_looked_at_before_anything_is_done(ft, toy):
    for extra in ((), ("--dry-run",)):
        said = ft("run", toy.recipe, "--runs", toy.runs, "--require", "nothing>1", *extra)
        assert "does not compute 'nothing'" in said.refused(2)
    said = ft("run", "--resume", "last", "--runs", toy.runs, "--require", "nothing>1")
    assert "ft eval RUN --require" in said.refused(2)
    assert not toy.runs.exists()


def test_a_run_is_evaluated_by_its_own_recipe(ft, toy):
    given = ("--python", "current", "--runs", toy.runs)
    assert ft("run", toy.recipe, *given, "--set", "evaluation.limit=3").code == 0
    data = ft("eval", "last", *given, "--json").data
    assert data["metrics"]["exact_match"]["n"] == 3
    fewer = ft("eval", "last", *given, "--json", "--limit", 2)
    assert fewer.data["metrics"]["exact_match"]["n"] == 2


def test_a_file_needs_a_recipe(ft, toy, answers):
    assert "name the recipe with --recipe" in ft("eval", answers(3)).refused(2)
