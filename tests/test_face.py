"""The Python face: the names, and that a run there is the run of the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ftcore
from ftcore import errors
from ftcore.display.plain import PlainWatcher
from ftcore.engine.observer import Observer
from ftcore.face import observer_for


def test_every_name_is_there():
    assert [name for name in ftcore.__all__ if not hasattr(ftcore, name)] == []
    assert dir(ftcore) == sorted(ftcore.__all__)
    assert ftcore.__all__ == sorted(ftcore.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = ftcore.nothing


def test_every_error_is_there():
    kinds = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.FtError)
    }
    assert kinds <= set(ftcore.__all__)


def test_importing_imports_nothing():
    code = "import sys; before = set(sys.modules); import ftcore; print(set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name for name in eval(done.stdout) if name.startswith("ftcore")} == {
        "ftcore",
        "ftcore._version",
    }


def test_plan(toy):
    plan = ftcore.plan(toy.recipe, overrides=["train.max_steps=2"], progress=False)
    assert isinstance(plan, ftcore.Plan)
    assert plan.settings.steps == 2
    assert "capitals with toy on cpu" in str(plan)
    assert "<table" in plan._repr_html_()
    assert not (toy.cache / "environments").exists()


def test_a_loaded_recipe_with_changes_on_top(toy):
    loaded = ftcore.load_recipe(toy.recipe, overrides=["train.max_steps=3"], seed=1)
    first = ftcore.plan(loaded, progress=False)
    second = ftcore.plan(loaded, seed=2, overrides=["train.batch_size=1"], progress=False)
    assert (first.settings.steps, first.settings.seed) == (3, 1)
    assert (second.settings.steps, second.settings.seed, second.settings.batch_size) == (3, 2, 1)
    third = ftcore.plan(loaded, model=str(loaded.recipe.model.id), progress=False)
    assert third.settings == first.settings


def test_run(toy):
    heard = toy.heard
    result = ftcore.run(toy.recipe, python="current", runs=toy.runs, progress=heard)
    assert isinstance(result, ftcore.RunResult)
    assert heard.phases == ["prepare", "environment", "work", "score", "report"]
    assert result.report_path.exists()
    assert result.metrics.main == "exact_match"
    score = result.metrics["exact_match"].scores["after"]
    assert (score.n, score.value) == (5, result.metrics["exact_match"].scores["after"].value)
    assert set(result.differences) == {"before"}
    assert result.differences["before"]["exact_match"].n == 5
    assert [row.value for row in result.slices] == ["a", "b"]
    assert "<table" in result._repr_html_()


def test_what_a_run_left_is_typed(toy):
    result = ftcore.run(toy.recipe, python="current", runs=toy.runs, progress=False)
    rows = result.predictions()
    assert len(rows) == 5
    assert rows[0].question == "Which is the capital of France?"
    assert set(rows[0].answers) == {"before", "after"}
    assert rows[0].fields["kind"] == "a"
    assert [row.reference for row in rows[:2]] == ["Paris.", "Rome."]
    assert rows.to_dicts()[0]["reference"] == "Paris."
    assert "<table" in rows._repr_html_()
    losses = result.losses()
    assert [point.step for point in losses] == [1, 2, 3, 4, 5]
    assert all(point.loss is not None for point in losses)
    assert "<table" in losses._repr_html_()


def test_evaluate(toy):
    result = ftcore.run(toy.recipe, python="current", runs=toy.runs, progress=False)
    done = ftcore.evaluate(
        result.folder, toy.recipe, limit=3, python="current", runs=toy.runs, progress=False
    )
    assert done.reproduced == (3, 3)
    assert len(done.predictions()) == 3
    assert "Value" in done._repr_html_()


def test_preview(toy):
    rows = ftcore.preview(toy.recipe, rows=2, progress=False)
    assert len(rows) == 2
    assert "ft-supervised" in rows._repr_html_()
    assert "⟦Paris." in str(rows)
    assert rows[0].rendered.supervised > 0


def test_errors_are_short_in_a_notebook():
    error = ftcore.RecipeError(
        "what", hint="do this", problems=[ftcore.Problem("is wrong", "a.toml", 3)]
    )
    assert error._render_traceback_() == [
        "RecipeError: what",
        "  - a.toml:3: is wrong",
        "hint: do this",
    ]


def test_progress():
    assert type(observer_for(False)) is Observer
    assert isinstance(observer_for(True), PlainWatcher)
    assert isinstance(observer_for("auto"), PlainWatcher)
    own = Observer()
    assert observer_for(own) is own
