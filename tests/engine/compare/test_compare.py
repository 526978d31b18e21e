"""Comparisons of toys: what is run, what is reused, what goes on, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ftcore
from ftcore.comparison_result import ComparisonResult
from ftcore.errors import InputError, RecipeError, RunNotFound
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import list_runs

Compare = Callable[..., ComparisonResult]


def states(result: ComparisonResult) -> list[tuple[str, int, str]]:
    return [(cell.variant, cell.seed, cell.state) for cell in result.cells]


def test_two_backends_and_two_seeds(toy: Any, compare: Compare) -> None:
    result = compare(backends=["toy", "twin"], seeds=2, price_per_hour=3600)
    assert states(result) == [
        ("toy", 7, "finished"),
        ("twin", 7, "finished"),
        ("toy", 8, "finished"),
        ("twin", 8, "finished"),
    ]
    assert any(text.startswith("[1 of 4] toy, seed 7") for text in toy.heard.notices)
    assert any("left" in text for text in toy.heard.notices if text.startswith("[3 of 4]"))
    (pair,) = result.comparison.main_pairs
    assert (pair.scope, pair.matched) == ("seeds", True)
    assert pair.identical
    assert "the same on every test row" in result.verdict
    assert not result.failed
    # The report, everything in one file, and the same figures as data.
    for name in ("report.html", "report.md", "comparison.json", "cells.json"):
        assert (result.folder / name).exists(), name
    data = json.loads((result.folder / "comparison.json").read_text())
    assert [variant["name"] for variant in data["variants"]] == ["toy", "twin"]
    assert data["variants"][0]["cost"] > 0
    assert result.to_json()["ok"]
    page = result.report_path.read_text()
    assert "<script" not in page
    assert "Exact match" in result._repr_html_()

    # Again: nothing is run. A further seed: only that one.
    before = len(list_runs(toy.runs))
    again = compare(backends=["toy", "twin"], seeds=2)
    assert {state for _, _, state in states(again)} == {"reused"}
    assert again.folder == result.folder
    assert len(list_runs(toy.runs)) == before
    plan = ftcore.plan_comparison(
        toy.recipe, backends=["toy", "twin"], seeds=3, runs=toy.runs, progress=toy.heard
    )
    assert (len(plan), len(plan.missing)) == (6, 2)
    assert "2 of 6 runs are to be done" in str(plan)
    assert "there: capitals-toy-" in str(plan)


def test_an_ordinary_run_is_reused_unless_something_changed(toy: Any, compare: Compare) -> None:
    run = toy.run().folder.path
    result = compare(vary=["train.lora.rank=2,3"])
    assert states(result) == [("rank 2", 7, "reused"), ("rank 3", 7, "finished")]
    assert result.cells[0].run == str(run)
    assert "not attributable to the setting" in result.verdict or "the same" in result.verdict
    lines = (toy.root / "test.jsonl").read_text().splitlines()
    (toy.root / "test.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    fewer = compare(vary=["train.lora.rank=2,3"])
    assert {state for _, _, state in states(fewer)} == {"finished"}
    fresh = compare(vary=["train.lora.rank=2,3"], fresh=True)
    assert {state for _, _, state in states(fresh)} == {"finished"}


def test_a_run_that_fails_is_noted_and_the_others_go_on(toy: Any, compare: Compare) -> None:
    result = compare(backends=["crashes", "toy", "without"], overrides=["train.weight_decay=0.1"])
    assert states(result) == [
        ("crashes", 7, "failed"),
        ("toy", 7, "finished"),
        ("without", 7, "failed"),
    ]
    assert [cell.variant for cell in result.failed] == ["crashes", "without"]
    assert result.failed[0].run is not None
    assert "weight_decay" in str(result.failed[1].error)
    assert result.verdict.startswith("Only toy finished")
    assert any("crashes, seed 7 did not finish" in note for note in result.notes)
    assert "did not finish" in result.report_path.read_text()


def test_nothing_that_finishes_is_an_error(compare: Compare) -> None:
    with pytest.raises(InputError, match="no finished run"):
        compare(backends=["crashes"], seeds=2)


def test_ctrl_c_and_the_same_command_goes_on(
    toy: Any, compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(type(toy.heard)):  # type: ignore[misc]
        def scored(self, metrics: dict[str, Any]) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(vary=["train.lora.rank=2,3"], progress=Impatient())
    (stopped,) = list_runs(toy.runs)
    assert stopped.manifest().state == "interrupted"
    (folder,) = (toy.runs / "comparisons").iterdir()
    cells = json.loads((folder / "cells.json").read_text())["cells"]
    assert [cell["state"] for cell in cells] == ["waiting", "waiting"]
    result = compare(vary=["train.lora.rank=2,3"])
    assert [state for _, _, state in states(result)] == ["finished", "finished"]
    assert result.cells[0].run == str(stopped.path)  # it went on where it was
    assert RunFolder(stopped.path).manifest().resumed


def test_stored_runs_are_grouped_by_what_they_are(toy: Any, compare: Compare) -> None:
    runs = [
        toy.run(f"train.seed={seed}", f"train.lora.rank={rank}").folder.path
        for rank in (2, 3)
        for seed in (1, 2)
    ]
    result = compare(*runs)
    names = [(variant.name, len(variant.runs)) for variant in result.comparison.variants]
    assert names == [("rank 2", 2), ("rank 3", 2)]
    assert result.cells == ()
    alone = compare(runs[0], runs[2])
    assert [variant.name for variant in alone.comparison.variants] == ["rank 2", "rank 3"]
    assert "single runs" in alone.verdict or "the same" in alone.verdict
    spread = compare(runs[0], runs[1])
    assert "over 2 seeds" in spread.verdict


def test_runs_on_other_test_rows_are_not_paired(toy: Any, compare: Compare) -> None:
    one = toy.run().folder.path
    other = toy.run("evaluation.limit=3").folder.path
    result = compare(one, other)
    (pair,) = result.comparison.main_pairs
    assert (pair.scope, pair.found) == ("none", None)
    assert "test rows are not the same" in result.verdict


def test_what_cannot_be_compared_is_refused(toy: Any, compare: Compare) -> None:
    run = toy.run().folder.path
    with pytest.raises(InputError, match="one run only"):
        compare(run)
    with pytest.raises(InputError, match="not compared together"):
        compare(run, toy.recipe)
    with pytest.raises(InputError, match="nothing can be varied"):
        compare(run, run, backends=["toy"])
    with pytest.raises(RecipeError, match="problem"):
        compare(vary=["train.lora.rnk=1,2"])
    RunFolder(run).update(state="interrupted")
    with pytest.raises(RunNotFound, match="not finished"):
        compare(run, run)
    with pytest.raises(RunNotFound, match="no test rows"):
        compare(vary=["train.lora.rank=2,3"], overrides=["data.test=", "evaluation.slices=[]"])


def test_a_certificate_of_the_backends_is_in_the_report(toy: Any, compare: Compare) -> None:
    result = compare(backends=["toy", "twin"], parity=True)
    assert result.certificate is not None
    assert result.certificate.holds
    assert (result.folder / "parity.json").exists()
    page = result.report_path.read_text()
    assert "Is it the same training?" in page
    (level,) = [level for level in result.certificate.levels if level.name == "L4"]
    assert level.verdict == "identical"


def test_several_recipes_are_versions(toy: Any, compare: Compare, tmp_path: Path) -> None:
    second = tmp_path / "other.toml"
    second.write_text(toy.recipe.read_text().replace("epochs = 2", "epochs = 1"))
    result = compare(toy.recipe, second, parity=False)
    assert [variant.name for variant in result.comparison.variants] == ["recipe", "other"]
