"""Going on with runs that did not finish: they end as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ftcore
from ftcore.engine.resume import resume
from ftcore.errors import (
    FtError,
    ReceiptMismatch,
    ResumeError,
    RunLocked,
    RunNotFound,
    WorkerCrashed,
)
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import list_runs

EVERY_STEP = "train.checkpoints.every_steps=1"
PATIENT = (
    "data.validation=test.jsonl",
    "train.epochs=6",
    "train.validation.every_steps=1",
    "train.validation.patience=2",
    "train.validation.load_best=true",
    EVERY_STEP,
)


def go_on(toy, run: RunFolder, **given):
    return resume(run, toy.plugins(), observer=toy.heard, **given)


def crash(toy, monkeypatch: pytest.MonkeyPatch, variant: str, *overrides: str) -> RunFolder:
    """Run until the toy's ``variant`` ends it; from here on the toy is honest."""
    monkeypatch.setenv("FT_TOY", variant)
    with pytest.raises(FtError):
        toy.run(*overrides)
    monkeypatch.delenv("FT_TOY")
    return toy.last()


def check_like_uninterrupted(run: RunFolder, other: RunFolder) -> None:
    """The files of two runs that must be equal to the byte, and what holds for each."""
    for name in ("adapter/adapter_model.safetensors", "receipts.jsonl", "receipts.json"):
        assert run.file(name).read_bytes() == other.file(name).read_bytes(), name
    for name in ("before", "after"):
        answers = [r.file(f"predictions/{name}.jsonl").read_text() for r in (run, other)]
        assert answers[0] == answers[1]
    assert scores(run.read_json("metrics.json")) == scores(other.read_json("metrics.json"))
    assert losses(run) == losses(other)
    lines = run.read_lines("events.jsonl")
    assert [line["sequence"] for line in lines] == list(range(len(lines)))
    assert run.manifest().state == "finished"
    assert (run.path / "report.html").exists()


def scores(metrics: dict[str, object]) -> dict[str, object]:
    """Return the figures without how fast the answers came."""
    return {name: part for name, part in metrics.items() if name != "generation"}


def losses(run: RunFolder) -> list[tuple[object, ...]]:
    from ftcore.results import read_losses

    return [(p.step, p.loss, p.validation_loss, p.learning_rate) for p in read_losses(run.path)]


def begun(run: RunFolder) -> list[str]:
    return [e["stage"] for e in run.read_lines("events.jsonl") if e["type"] == "started"]


def test_from_the_newest_checkpoint(toy, monkeypatch):
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    before = run.file("predictions/before.jsonl").stat().st_mtime_ns
    outcome = go_on(toy, run)
    check_like_uninterrupted(run, toy.run(EVERY_STEP).folder)
    assert outcome.folder.path == run.path
    assert outcome.result.stages["train"]["first_step"] == 1
    assert set(outcome.result.stages) == {"before", "train", "after", "export", "process"}
    (entry,) = run.manifest().resumed
    assert (entry["from_step"], entry["after"]) == (1, "crashed")
    assert (run.manifest().error, run.manifest().stage) == (None, None)
    # What was finished was not done again.
    assert begun(run) == ["before", "train", "train", "after", "export"]
    assert run.file("predictions/before.jsonl").stat().st_mtime_ns == before
    assert "resuming after step 1 of 5" in toy.heard.notices
    # The answers before are kept for other runs, as those of an uninterrupted run are.
    assert any(text.startswith("predictions 'before': reused") for text in toy.heard.notices)


def test_again_and_again(toy, monkeypatch):
    whole = toy.run(EVERY_STEP).folder
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    for step in range(2, 5):
        monkeypatch.setenv("FT_TOY", "KilledBySignal")
        with pytest.raises(WorkerCrashed):
            go_on(toy, run)
        assert len(run.read_lines("receipts.jsonl")) == 2 * step
    monkeypatch.delenv("FT_TOY")
    go_on(toy, run)
    check_like_uninterrupted(run, whole)
    assert [entry["from_step"] for entry in run.manifest().resumed] == [1, 2, 3, 4]


def test_without_a_checkpoint_training_begins_anew(toy, monkeypatch):
    whole = toy.run().folder
    run = crash(toy, monkeypatch, "KilledBySignal")
    assert run.read_lines("receipts.jsonl")
    go_on(toy, run)
    check_like_uninterrupted(run, whole)
    assert run.manifest().resumed[0]["from_step"] == 0


def test_half_of_everything_is_put_in_order(toy, monkeypatch):
    """A worker that dies may leave half a line, half a checkpoint, and steps after the last one."""
    whole = toy.run(EVERY_STEP).folder
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    monkeypatch.setenv("FT_TOY", "KilledBySignal")
    with pytest.raises(WorkerCrashed):
        go_on(toy, run)
    monkeypatch.delenv("FT_TOY")
    weights = run.file("checkpoints/checkpoint-2/adapter_model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    shutil.copytree(weights.parent, run.file("checkpoints/checkpoint-3"))
    for name in ("events.jsonl", "receipts.jsonl"):
        with run.file(name).open("a") as file:
            file.write('{"version": 1, "sequ')
    go_on(toy, run)
    check_like_uninterrupted(run, whole)
    assert [entry["from_step"] for entry in run.manifest().resumed] == [1, 1]


def test_patience_and_the_best_checkpoint_go_on(toy, monkeypatch):
    whole = toy.run(*PATIENT)
    run = crash(toy, monkeypatch, "KilledBySignal", *PATIENT)
    outcome = go_on(toy, run)
    check_like_uninterrupted(run, whole.folder)
    names = [Path(o.result.stages["train"]["best"]).name for o in (whole, outcome)]
    assert names[0] == names[1]


def test_only_what_comes_after_training_is_left(toy, monkeypatch):
    without = "evaluation.before=false"
    whole = toy.run(without).folder
    run = crash(toy, monkeypatch, "LeavesOutStages", without)
    assert run.manifest().state == "failed"
    adapter = run.file("adapter/adapter_model.safetensors").stat().st_mtime_ns
    outcome = go_on(toy, run)
    assert begun(run) == ["train", "after", "export"]
    assert run.file("adapter/adapter_model.safetensors").stat().st_mtime_ns == adapter
    assert scores(outcome.metrics) == scores(whole.read_json("metrics.json"))
    assert "resuming: training was complete; what is left: after, export" in toy.heard.notices
    assert run.manifest().resumed[0]["from_step"] == outcome.prepared.order.steps


def test_only_the_scores_are_left(toy):
    def interrupt(metrics: object) -> None:
        raise KeyboardInterrupt

    toy.heard.scored = interrupt
    with pytest.raises(KeyboardInterrupt):
        toy.run()
    del toy.heard.scored
    run = toy.last()
    go_on(toy, run)
    assert begun(run) == ["before", "train", "after", "export"]
    assert run.manifest().state == "finished"


def test_the_python_face(toy, monkeypatch):
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    result = ftcore.resume("last", runs=toy.runs, progress=False)
    assert (result.folder, result.metrics.main) == (run.path, "exact_match")
    assert [point.step for point in result.losses()] == [1, 2, 3, 4, 5]


def test_a_finished_run_is_refused(toy):
    run = toy.run().folder
    with pytest.raises(ResumeError, match="is finished") as caught:
        go_on(toy, run)
    assert (caught.value.code, caught.value.exit_code) == ("resume.finished", 2)
    assert run.manifest().state == "finished"


def test_what_changed_is_named(toy, monkeypatch):
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    manifest = run.manifest()
    rows = toy.root / "train.jsonl"
    rows.write_text(rows.read_text("utf-8").replace("Paris", "Lyon"), encoding="utf-8")
    plan = run.read_json("plan.json")
    plan["settings"]["learning_rate"] = 0.5
    plan["model"]["fingerprint"] = "another"
    run.file("plan.json").write_text(json.dumps(plan))
    with pytest.raises(ResumeError) as caught:
        go_on(toy, run)
    assert caught.value.code == "resume.changed"
    texts = [problem.message for problem in caught.value.problems]
    assert [text.partition(":")[0] for text in texts] == [
        "the training or validation rows, or how they are rendered",
        f"the model {plan['model']['id']}",
        "the setting learning_rate",
    ]
    assert texts[2].endswith("was 0.5, is 0.001")
    assert run.manifest() == manifest


def test_another_environment_or_code_is_named(toy, monkeypatch):
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    kept = run.read_json("environment.json")
    changed = {**kept, "code": "old", "key": "own-old"}
    changed["packages"] = {**kept["packages"], "numpy": "1.0"}
    run.file("environment.json").write_text(json.dumps(changed))
    with pytest.raises(ResumeError) as caught:
        go_on(toy, run)
    code, package = (problem.message for problem in caught.value.problems)
    assert code.startswith("the worker's code: was old, is ")
    assert package == f"the package numpy: was 1.0, is {kept['packages']['numpy']}"


def test_other_prompts_are_refused_and_the_old_ones_stay(toy, monkeypatch):
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    asked = run.file("requests/before.jsonl").read_bytes()
    rows = toy.root / "test.jsonl"
    text = rows.read_text("utf-8")
    rows.write_text(text.replace("Which is", "What may be"), encoding="utf-8")
    with pytest.raises(ResumeError, match="changed since") as caught:
        go_on(toy, run)
    assert caught.value.problems[0].message == "the prompts of after, before"
    assert run.file("requests/before.jsonl").read_bytes() == asked
    rows.write_text(text, encoding="utf-8")
    assert go_on(toy, run).folder.manifest().state == "finished"


def test_a_run_that_was_moved_is_refused(toy, monkeypatch):
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    moved = run.path.rename(run.path.with_name("elsewhere"))
    with pytest.raises(ResumeError) as caught:
        go_on(toy, RunFolder(moved))
    assert caught.value.code == "resume.moved"


def test_a_run_that_never_got_its_plan_is_refused(toy, monkeypatch):
    run = crash(toy, monkeypatch, "KilledBySignal")
    run.file("plan.json").unlink()
    with pytest.raises(ResumeError) as caught:
        go_on(toy, run)
    assert caught.value.code == "resume.too-early"
    with pytest.raises(RunNotFound):
        ftcore.resume("no-such-run", runs=toy.runs, progress=False)


def test_receipts_that_were_wrong_stay_wrong(toy, monkeypatch):
    """What the earlier worker wrote is held against the stream again."""
    run = crash(toy, monkeypatch, "KilledBySignal", EVERY_STEP)
    text = run.file("receipts.jsonl").read_text()
    run.file("receipts.jsonl").write_text(text.replace('"digest": "', '"digest": "0', 1))
    with pytest.raises(ReceiptMismatch):
        go_on(toy, run)
    assert run.manifest().state == "failed"


OWNER = """
import sys
import ftcore
ftcore.run(sys.argv[1], runs=sys.argv[2], python="current", progress=False,
           overrides=["train.checkpoints.every_steps=1", "train.epochs=12"])
"""


def test_a_worker_whose_owner_was_killed_is_stopped_first(toy, toy_site: Path, monkeypatch):
    whole = toy.run(EVERY_STEP, "train.epochs=12").folder
    shutil.move(whole.path, toy.root / "whole")
    env = {**os.environ, "FT_TOY": "Slow", "PYTHONPATH": str(toy_site)}
    command = [sys.executable, "-c", OWNER, str(toy.recipe), str(toy.runs)]
    with subprocess.Popen(command, env=env) as owner:
        deadline = time.monotonic() + 60
        while not list(toy.runs.glob("*/checkpoints/checkpoint-2")):
            assert owner.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run = list_runs(toy.runs)[0]
        with pytest.raises(RunLocked):
            go_on(toy, run)
        owner.send_signal(signal.SIGKILL)
    assert run.manifest().state == "crashed"
    outcome = go_on(toy, run)
    assert any("without its owner" in text for text in toy.heard.notices)
    # The orphan had gone on before it was stopped, and what it did counts.
    assert run.manifest().resumed[0]["from_step"] >= 2
    assert outcome.result.stages["train"]["steps"] == outcome.prepared.order.steps
    check_like_uninterrupted(run, RunFolder(toy.root / "whole"))
