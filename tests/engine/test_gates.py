from __future__ import annotations

import json

import pytest

import ftcore
from ftcore.engine.gates import GateRequest, Gates, open_gates
from ftcore.errors import DataError, GateFailed, InputError, RunNotFound
from ftcore.evaluation.gated import GatesNotHeld
from ftcore.recipe.loading import load_recipe


@pytest.fixture
def finished(toy):
    """A finished run of the toy."""
    return toy.run().folder


def opened(toy, *overrides: str, **request) -> Gates:
    return open_gates(
        load_recipe(toy.recipe, overrides=overrides), GateRequest(**request), toy.runs
    )


def test_nothing_asked_for_holds(toy):
    gates = opened(toy)
    gates.require_rows([])
    assert gates.requirements == ()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"require": ("rouge_l_f>=1",)}, "gate.unknown-metric"),
        ({"require": ("exact_match",)}, "gate.syntax"),
        ({"margin": 0.1}, "gate.margin"),
        ({"no_worse_than": "x", "margin": -0.1}, "gate.margin"),
        ({"no_worse_than": "x", "margin": float("nan")}, "gate.margin"),
    ],
)
def test_what_can_never_be_checked_is_refused(toy, request_, code: str):
    with pytest.raises(InputError) as caught:
        opened(toy, **request_)
    assert caught.value.code == code


def test_a_run_that_is_not_there_or_has_no_scores(toy, finished):
    with pytest.raises(RunNotFound):
        opened(toy, no_worse_than="nothing")
    metrics = finished.read_json("metrics.json")
    other = 'evaluation.metrics=["token_f1"]'
    with pytest.raises(InputError, match="was not scored by token_f1") as caught:
        opened(toy, other, no_worse_than="last")
    assert "it has: exact_match" in str(caught.value.hint)
    metrics["scores"] = {}
    finished.file("metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    with pytest.raises(InputError, match="no scores after training"):
        opened(toy, no_worse_than="last")


def test_a_metric_of_which_neither_more_nor_less_is_better(toy, finished):
    with pytest.raises(InputError, match="neither more nor less is better"):
        opened(toy, 'evaluation.metrics=["output_words"]', no_worse_than="last")


def test_other_test_rows_are_refused_before_any_work(toy, finished):
    gates = opened(toy, no_worse_than="last")
    rows = toy.prepare().inputs.test
    gates.require_rows(rows)
    with pytest.raises(DataError, match="2 of its rows are not here, 0 are only here"):
        gates.require_rows(rows[:3])
    with pytest.raises(DataError, match="no test rows"):
        gates.require_rows([])


def test_gates_of_a_run_are_noted_and_raise(toy):
    given = {"python": "current", "runs": toy.runs, "progress": False}
    result = ftcore.run(toy.recipe, require=["exact_match>=0", "main<=1"], **given)
    assert [gate.held for gate in result.gates] == [True, True]
    noted = json.loads((result.folder / "metrics.json").read_text("utf-8"))["gates"]
    assert [gate["gate"] for gate in noted] == ["exact_match>=0", "main<=1"]
    with pytest.raises(GateFailed) as caught:
        ftcore.run(toy.recipe, require="exact_match>1", no_worse_than=result.folder, **given)
    error = caught.value
    assert isinstance(error, GatesNotHeld)
    assert error.result.report_path.exists()
    assert [gate["held"] for gate in error.details["gates"]] == [False, True]
    assert "1 of 2 gates does not hold: exact_match>1" in error.message
    assert ftcore.RunResult is type(error.result)


def test_gates_are_checked_before_a_plan_too(toy):
    with pytest.raises(InputError, match="does not compute"):
        ftcore.plan(toy.recipe, require=["nothing>1"], progress=False)


def test_a_slice_that_decides(toy, finished):
    gates = opened(toy, "evaluation.main_slice=kind=b", no_worse_than="last")
    rows = toy.prepare().inputs.test
    (held,) = gates.check(finished, finished.read_json("metrics.json"), rows)
    assert (held.held, held.difference["n"]) == (True, 3)
