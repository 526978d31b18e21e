"""`ft compare` at the command line: tables, JSON, a dry run, exit codes."""

from __future__ import annotations

import pytest


@pytest.fixture
def compare(ft, toy):
    """A function that runs ``ft compare`` on the toy's recipe in this very Python."""

    def run(*given: object):
        where = ("--runs", toy.runs, "--python", "current")
        return ft("compare", toy.recipe, *given, *where)

    return run


def test_the_tables_and_where_the_report_is(compare, toy):
    said = compare("--vary", "train.lora.rank=2,3", "--price-per-hour", "2")
    assert said.code == 0, said.err
    assert "rank 3 − rank 2" in said.out
    assert "Cost of a run" in said.out
    (folder,) = (toy.runs / "comparisons").iterdir()
    assert str(folder / "report.html") in said.out
    assert "[2 of 2] rank 3, seed 7" in said.err

    planned = compare("--vary", "train.lora.rank=2,3,4", "--dry-run")
    assert planned.code == 0
    assert planned.out.count("there: capitals-toy-") == 2
    assert "1 of 3 runs are to be done" in planned.out

    again = compare("--vary", "train.lora.rank=2,3", "--seeds", "7,", "--json")
    assert [cell["state"] for cell in again.data["cells"]] == ["reused", "reused"]
    assert again.data["verdict"]
    assert again.data["main_metric"] == "exact_match"


def test_a_run_that_fails_is_exit_code_1(compare, toy, monkeypatch):
    monkeypatch.setenv("FT_TOY", "Raises")
    assert "no finished run" in compare("--seeds", "2").refused(2)
    monkeypatch.delenv("FT_TOY")
    said = compare("--vary", "train.weight_decay=0,0.1", "--vary", "train.lora.rank=2,3")
    assert said.code == 0, said.err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "one run only"),
        (("--seeds", "x"), "--seeds takes"),
        (("--seeds", "0"), "at least one"),
        (("--vary", "train.epochs"), "KEY=VALUE,VALUE"),
        (("--vary", "train.seed=1,2"), "use --seeds"),
        (("--profiles", "none,nothing"), "no profile"),
        (("last",), "not compared together"),
    ],
)
def test_what_cannot_be_compared_is_said(compare, given, words):
    assert words in compare(*given).refused(2)
