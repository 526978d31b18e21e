"""`ft run` and what looks at runs, with the toy backend: no engine, all of the rest real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftcore.runs.folder import RunFolder


@pytest.fixture
def ran(ft, toy):
    """A finished run and what the command said."""
    said = ft("run", toy.recipe, "--python", "current", "--runs", toy.runs)
    assert said.code == 0, said.err
    (folder,) = toy.runs.glob("*")
    return said, folder


def test_run_shows_the_plan_and_what_came_out(toy, ran):
    said, folder = ran
    plan, metrics = said.out.index("capitals with toy on cpu"), said.out.index("Exact match")
    assert plan < metrics
    for line in ("train 10, test 5", "5 over 2 epochs", "2 rows x 2 accumulated = 4 rows a step"):
        assert line in said.out
    assert f"ft runs show {folder}" in said.out
    assert f"ft eval {folder} --recipe {toy.recipe} --python current" in said.out
    assert f"report         {folder / 'report.html'}" in said.out
    assert (folder / "report.html").exists()
    assert "After − before" in said.out


def test_run_reports_progress_as_lines(ran):
    said, folder = ran
    lines = said.err.splitlines()
    assert f"run directory: {folder}" in lines
    assert "answering before training ..." in lines
    assert any(line.startswith("training: done in") and "loss" in line for line in lines)
    assert any(line.startswith("answering after training: done") for line in lines)


def test_run_as_json(ft, toy):
    said = ft("run", toy.recipe, "--python", "current", "--runs", toy.runs, "--json")
    assert said.code == 0
    data = said.data
    assert data["state"] == "finished"
    assert Path(data["report"]).exists()
    assert data["plan"]["rows"] == {"train": 10, "validation": 0, "test": 5}
    assert set(data["metrics"]["stages"]) == {"before", "after"}
    events = [json.loads(line) for line in said.err.splitlines()]
    assert {"phase": "prepare"} in events
    assert any(event.get("event", {}).get("type") == "progress" for event in events)


def test_quiet_run_says_where_it_is(ft, toy):
    said = ft("run", toy.recipe, "--python", "current", "--runs", toy.runs, "--quiet")
    (folder,) = toy.runs.glob("*")
    assert (said.code, said.out, said.err) == (0, f"{folder}\n", "")


def test_dry_run_builds_and_writes_nothing(ft, toy):
    said = ft("run", toy.recipe, "--dry-run", "--runs", toy.runs)
    assert said.code == 0
    assert "capitals with toy on cpu" in said.out
    assert not toy.runs.exists()
    assert not (toy.cache / "environments").exists()


def test_dry_run_as_json(ft, toy):
    data = ft("run", toy.recipe, "--dry-run", "--json", "--seed", 11).data
    assert data["plan"]["settings"]["seed"] == 11
    assert data["would_be_refused"] == []


def test_changes_reach_the_run(ft, toy):
    given = ("--set", "train.max_steps=2", "--set", "evaluation.limit=3", "--seed", 5)
    data = ft("run", toy.recipe, "--dry-run", "--json", *given).data["plan"]
    assert (data["settings"]["steps"], data["rows"]["test"]) == (2, 3)


def test_runs_list_show_remove(ft, toy, ran):
    _, folder = ran
    runs = ("--runs", toy.runs)
    listed = ft("runs", "list", *runs)
    assert folder.name in listed.out
    assert "finished" in listed.out
    (data,) = ft("runs", "list", *runs, "--json").data["runs"]
    assert (data["id"], data["metric"]) == (folder.name, "exact_match")
    shown = ft("runs", "show", "last", *runs)
    assert "5 of 5 steps" in shown.out
    assert "all equal to the stream's" in shown.out
    assert "Exact match" in shown.out
    assert ft("runs", "show", folder, "--json").data["state"] == "finished"
    assert "nobody is here to ask" in ft("runs", "remove", "last", *runs).refused(2)
    removed = ft("runs", "remove", "last", *runs, "--yes")
    assert removed.out.startswith(f"removed {folder} (")
    assert not folder.exists()
    assert "there are no runs" in ft("runs", "list", *runs).out


def test_report_is_written_anew(ft, toy, ran):
    _, folder = ran
    (folder / "report.html").unlink()
    assert ft("report", folder).out.split() == [
        str(folder / "report.md"),
        str(folder / "report.html"),
    ]
    assert (folder / "report.html").exists()


def test_eval_of_a_run_gives_the_same_answers(ft, toy, ran):
    _, folder = ran
    said = ft("eval", folder, "--recipe", toy.recipe, "--python", "current", "--fresh")
    assert said.code == 0, said.err
    assert "5 of 5 answers equal those that the run had kept" in said.out
    assert "Value" in said.out
    evaluations = [RunFolder(path) for path in (folder / "evaluations").glob("*")]
    assert [run.manifest().state for run in evaluations] == ["finished"]


def test_eval_of_a_run_does_not_ask_again(ft, toy, ran):
    _, folder = ran
    said = ft("eval", folder, "--recipe", toy.recipe, "--python", "current")
    assert "5 answers taken over" in said.err
    assert "that the run had kept" not in said.out


def test_eval_goes_on_where_an_earlier_one_stopped(ft, toy, tiny_model):
    given = ("--recipe", toy.recipe, "--python", "current", "--runs", toy.runs)
    first = Path(ft("eval", tiny_model, *given, "--json").data["evaluation"])
    path = first / "predictions" / "after.jsonl"
    one, two, three, *_ = path.read_text("utf-8").splitlines()
    path.write_text(f"{one}\n{two}\n{three[:9]}", encoding="utf-8")
    said = ft("eval", tiny_model, *given)
    assert "2 answers taken over" in said.err
    assert "taken over" not in ft("eval", tiny_model, *given, "--fresh").err
    files = (toy.runs / "evaluations").glob("*/predictions/after.jsonl")
    (second, third) = sorted(files, key=lambda file: file.stat().st_mtime_ns)[1:]
    assert second.read_text("utf-8").splitlines()[:2] == [one, two]
    assert len(second.read_text("utf-8").splitlines()) == 5
    assert sorted(second.read_text("utf-8")) == sorted(third.read_text("utf-8"))


def test_eval_of_an_adapter(ft, toy, ran):
    _, folder = ran
    adapter = folder / "adapter"
    (adapter / "adapter_config.json").write_text("{}", encoding="utf-8")
    given = ("--recipe", toy.recipe, "--python", "current", "--runs", toy.runs, "--limit", 2)
    data = ft("eval", adapter, *given, "--json").data
    assert data["metrics"]["exact_match"]["n"] == 2
    assert data["reproduced"] is None
    assert Path(data["evaluation"]).parent == toy.runs / "evaluations"


def test_eval_of_a_model(ft, toy, tiny_model):
    given = ("--recipe", toy.recipe, "--python", "current", "--runs", toy.runs)
    data = ft("eval", tiny_model, *given, "--json").data
    found = data["metrics"]["exact_match"]
    assert (found["value"], found["low"], found["n"]) == (0.0, 0.0, 5)
    # None of five right: the share below which that happens less than once in twenty times.
    assert found["high"] == pytest.approx(1 - 0.05 ** (1 / 5))


def test_eval_wants_the_base_of_the_run(ft, toy, ran, tiny_model, tmp_path):
    _, folder = ran
    plan = json.loads((folder / "plan.json").read_text("utf-8"))
    plan["model"]["fingerprint"] = "another"
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    text = ft("eval", folder, "--recipe", toy.recipe, "--python", "current").refused(2)
    assert "is not the model that" in text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_is_kept(ft, toy, toy_site, number, code):
    command = [sys.executable, "-m", "ftcore", "run", toy.recipe, "--python", "current"]
    process = subprocess.Popen(
        [*map(str, command), "--runs", str(toy.runs), "--set", "train.max_steps=500"],
        env=os.environ | {"PYTHONPATH": str(toy_site), "FT_TOY": "Slow"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(toy.runs.glob("*/receipts.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    (folder,) = toy.runs.glob("*")
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert f"ft runs show {folder}" in err
    assert ft("runs", "show", folder, "--json").data["state"] == "interrupted"


def test_an_engine_that_fails(ft, toy, monkeypatch):
    monkeypatch.setenv("FT_TOY", "Raises")
    said = ft("run", toy.recipe, "--python", "current", "--runs", toy.runs)
    text = said.refused(1)
    assert "the engine broke" in text
    assert "worker.log" in text
    (folder,) = toy.runs.glob("*")
    shown = ft("runs", "show", folder)
    assert "failed" in shown.out
    assert "the engine broke" in shown.out


def test_an_engine_that_dies(ft, toy, monkeypatch):
    monkeypatch.setenv("FT_TOY", "KilledBySignal")
    said = ft("run", toy.recipe, "--python", "current", "--runs", toy.runs)
    assert "signal 9 (SIGKILL)" in said.refused(6)


def test_a_run_that_was_stopped_goes_on(ft, toy, toy_site):
    command = [sys.executable, "-m", "ftcore", "run", toy.recipe, "--python", "current"]
    process = subprocess.Popen(
        [*map(str, command), "--runs", str(toy.runs), "--set", "train.max_steps=40"],
        env=os.environ | {"PYTHONPATH": str(toy_site), "FT_TOY": "Slow"},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        written = [path.stat().st_size for path in toy.runs.glob("*/receipts.jsonl")]
        if any(written):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    (folder,) = toy.runs.glob("*")
    # The line that is printed is the line that goes on.
    (line,) = (line for line in err.splitlines() if "ft run --resume" in line)
    said = ft(*line.partition(": ft ")[2].split())
    assert said.code == 0, said.err
    assert "resuming after step" in said.err
    assert "Exact match" in said.out
    assert f"--recipe {toy.recipe} --set train.max_steps=40" in said.out
    shown = ft("runs", "show", folder).out
    assert "40 of 40 steps" in shown
    assert "after step" in shown
    assert "is finished" in ft("run", "--resume", folder).refused(2)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (("recipe.toml",), "RECIPE"),
        (("--backend", "toy"), "--backend"),
        (("--set", "train.epochs=2"), "--set"),
        (("--seed", 0), "--seed"),
        (("--dry-run",), "--dry-run"),
    ],
)
def test_nothing_can_be_changed_in_a_run_that_goes_on(ft, given, what):
    text = ft("run", "--resume", "last", *given).refused(2)
    assert f"{what} cannot change a run that goes on" in text


def test_a_recipe_or_a_run_is_needed(ft):
    assert "Missing argument 'RECIPE'" in ft("run").refused(2)
    assert "no run 'nothing'" in ft("run", "--resume", "nothing").refused(2)


def test_without_test_rows_nothing_is_scored(ft, toy):
    given = ("--python", "current", "--runs", toy.runs, "--set", "data.test=")
    said = ft("run", toy.recipe, *given)
    assert said.code == 0, said.err
    assert "nothing was scored: the recipe has no test rows" in said.out
    assert "Metric" not in said.out
    assert "ft eval" not in said.out
    assert "Metric" not in ft("runs", "show", "last", "--runs", toy.runs).out
