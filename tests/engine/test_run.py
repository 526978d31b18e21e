"""Whole runs with the toy backend: a real worker process, every file of the design."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from ftcore.engine.run import expected_bytes
from ftcore.errors import DiskFull, MachineError, ReceiptMismatch, UnsupportedError
from ftcore.protocol import Job, Receipt, Result, decode, read_message
from ftcore.runs.listing import find_run

SECRET = "hf_sentinel_0123456789"
FILES = {
    "recipe.toml",
    "resolved.toml",
    "plan.json",
    "job.json",
    "events.jsonl",
    "receipts.jsonl",
    "receipts.json",
    "engine_config.json",
    "worker.log",
    "result.json",
    "environment.json",
    "metrics.json",
    "report.md",
    "report.html",
    "run.json",
    "stream/rows.jsonl",
    "stream/order.npz",
    "stream/train/data-00000-of-00001.arrow",
    "initial_adapter/adapter_model.safetensors",
    "adapter/adapter_model.safetensors",
    "exports/adapter/adapter_model.safetensors",
    "requests/before.jsonl",
    "predictions/before.jsonl",
    "predictions/after.jsonl",
    "predictions/rows.jsonl",
}


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_finished_run(toy, monkeypatch: pytest.MonkeyPatch):
    """One run, looked at from all sides: files, states, receipts, scores, secrets, places."""
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("FT_TOY", "TellsEnvironment")
    place = toy.root / "stands-here"
    place.mkdir()
    monkeypatch.chdir(place)
    outcome = toy.run("train.checkpoints.every_steps=2")
    run = outcome.folder
    assert below(run.path) >= FILES
    assert (run.manifest().state, run.manifest().stage, run.manifest().error) == (
        "finished",
        None,
        None,
    )
    assert find_run("last", toy.runs).path == run.path
    assert toy.heard.phases == ["environment", "work", "score", "report"]
    check_what_it_learned(outcome)
    check_receipts(outcome)
    check_events(toy)
    check_places(toy, run.path, place)
    for path in run.path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def check_what_it_learned(outcome) -> None:
    stages = outcome.metrics["stages"]
    assert stages["before"]["exact_match"]["value"] == 0.0
    assert stages["after"]["exact_match"]["value"] == 1.0
    rows = outcome.folder.read_lines("predictions/rows.jsonl")
    assert [row["reference"] for row in rows] == [row["answers"]["after"] for row in rows]
    assert set(outcome.metrics["slices"]["kind"]) == {"a", "b"}


def check_receipts(outcome) -> None:
    run, prepared = outcome.folder, outcome.prepared
    written = [decode(Receipt, line) for line in run.read_lines("receipts.jsonl")]
    due = list(prepared.stream.expected_receipts(prepared.order))
    assert [(r.step, r.micro, r.rank, r.digest) for r in written] == due
    assert run.read_json("receipts.json") == {
        "micro_batches": 10,
        "planned": 10,
        "equal": True,
    }
    assert read_message(Job, run.file("job.json")).settings.steps == 5
    result = read_message(Result, run.file("result.json"))
    assert set(result.stages) == {"before", "train", "after", "export", "process"}
    assert result.stages["process"]["peak_memory_mib"] > 10
    assert result.versions["python"]


def check_events(toy) -> None:
    lines = toy.last().read_lines("events.jsonl")
    assert [line["sequence"] for line in lines] == list(range(len(lines)))
    assert [event.sequence for event in toy.heard.events] == [line["sequence"] for line in lines]
    kinds = {line["type"] for line in lines}
    assert kinds >= {"started", "progress", "metric", "checkpoint", "artifact", "finished"}
    losses = [line["data"]["loss"] for line in lines if "loss" in line["data"]]
    assert len(losses) == 5
    assert losses[-1] < losses[0]
    started = [(e["stage"], e["data"]["kind"]) for e in lines if e["type"] == "started"]
    assert started == [
        ("before", "generate"),
        ("train", "train"),
        ("after", "generate"),
        ("export", "export"),
    ]
    kept = sorted(path.name for path in toy.last().file("checkpoints").iterdir())
    assert kept == ["checkpoint-2", "checkpoint-4"]


def check_places(toy, run: Path, place: Path) -> None:
    """The worker saw a cleaned environment, and wrote into the run and the cache only."""
    facts = json.loads((run / "worker-facts.json").read_text())
    assert not {"PYTHONPATH", "HF_TOKEN", "VIRTUAL_ENV"} & set(facts["environment"])
    assert SECRET not in facts["environment"].values()
    assert "/nowhere" not in facts["path"]
    assert Path(facts["path"][0]).is_relative_to(toy.cache / "code")
    assert Path(facts["home"]).is_relative_to(toy.cache)
    assert Path(facts["cwd"]) == run
    assert list(place.iterdir()) == []
    assert list(toy.home.iterdir()) == []
    made = {path.name for path in toy.root.iterdir()}
    assert made == {"recipe.toml", "train.jsonl", "test.jsonl", "runs", "cache", "home", place.name}


def test_the_second_run_reuses_the_stream(toy):
    first = toy.run()
    toy.heard.notices.clear()
    second = toy.run()
    assert [first.prepared.stream.reused, second.prepared.stream.reused] == [False, True]
    assert first.prepared.stream.hash == second.prepared.stream.hash
    assert any("reused, nothing to tokenise" in text for text in toy.heard.notices)
    assert second.prepared.plan.stream_reused
    assert "earlier runs on this machine" in second.prepared.plan.estimate.basis
    names = ("receipts.jsonl", "predictions/after.jsonl", "recipe.toml", "resolved.toml")
    for name in names:
        assert first.folder.file(name).read_text() == second.folder.file(name).read_text()
    # Hard links to the cache that nobody can write through.
    shared = second.folder.file("stream") / "train" / "lengths.npy"
    assert shared.stat().st_nlink >= 3
    assert stat.S_IMODE(shared.stat().st_mode) & 0o222 == 0
    codes = {run.read_json("environment.json")["code"] for run in (first.folder, second.folder)}
    assert codes == {path.name for path in (toy.cache / "code").iterdir() if path.is_dir()}


def test_another_row_is_another_stream(toy):
    first = toy.prepare()
    rows = (toy.root / "train.jsonl").read_text().replace("Paris", "Lyon")
    (toy.root / "train.jsonl").write_text(rows)
    assert toy.prepare().stream.hash != first.stream.hash


def test_a_partial_last_group(toy):
    """Ten rows, micro-batches of 4, groups of 2: 3 micro-batches an epoch and a half."""
    outcome = toy.run("train.epochs=1.5", "train.batch_size=4")
    assert outcome.prepared.order.micro_batches == 4
    assert outcome.result.stages["train"]["steps"] == 2
    assert outcome.folder.read_json("receipts.json")["micro_batches"] == 4


def test_validation_patience_and_the_best_checkpoint(toy):
    outcome = toy.run(
        "data.validation=test.jsonl",
        "train.epochs=6",
        "train.validation.every_steps=1",
        "train.validation.patience=2",
        "train.validation.load_best=true",
        "train.checkpoints.every_steps=1",
    )
    train = outcome.result.stages["train"]
    assert train["steps"] < outcome.prepared.order.steps
    assert Path(train["best"]).exists()
    # Fewer steps than planned, and each of them with its receipt.
    assert outcome.folder.read_json("receipts.json") == {
        "micro_batches": 2 * train["steps"],
        "planned": 30,
        "equal": True,
        # Five rows, two a batch, after every step.
        "validation_batches": 3 * train["steps"],
    }
    losses = [e.data["validation_loss"] for e in toy.heard.events if "validation_loss" in e.data]
    assert len(losses) == train["steps"]


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ("OtherValidationRows", "validation batch 1 after step 1 is not the stream's"),
        ("FewerValidationRows", "15 validation batches were measured, 10 left no receipt"),
    ],
)
def test_a_loss_of_other_validation_rows_fails_the_run(toy, monkeypatch, trainer, message):
    monkeypatch.setenv("FT_TOY", trainer)
    with pytest.raises(ReceiptMismatch, match=message):
        toy.run("data.validation=test.jsonl", "train.validation.every_steps=1")


def test_without_test_rows_nothing_is_scored(toy):
    outcome = toy.run("data.test=[]", "evaluation.slices=[]")
    assert outcome.metrics["stages"] == {}
    assert set(outcome.result.stages) == {"train", "export", "process"}
    assert (outcome.folder.path / "report.md").exists()


def test_few_shot_is_a_stage_of_its_own(toy):
    line = {"prompt": "What is the capital of Chile?", "completion": "Santiago."}
    (toy.root / "shots.jsonl").write_text(json.dumps(line) + "\n")
    outcome = toy.run("evaluation.few_shot=shots.jsonl", "evaluation.before=false")
    assert list(outcome.metrics["stages"]) == ["few_shot", "after"]
    assert set(outcome.metrics["differences"]) == {"few_shot"}


def test_answers_that_split_lines_are_whole(toy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FT_TOY", "StrangeAnswers")
    outcome = toy.run()
    answers = {
        row["answers"]["after"] for row in outcome.folder.read_lines("predictions/rows.jsonl")
    }
    assert answers == {"a\u2028b\u0085c\x0cd"}


def test_what_is_printed_does_no_harm(toy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FT_TOY", "PrintsGarbage")
    monkeypatch.setenv("LC_ALL", "C")
    outcome = toy.run()
    log = outcome.folder.file("worker.log").read_bytes()
    assert b"\xff\xfe\x00 no text" in log
    assert "\N{SNOWMAN} progress".encode() in log


def test_an_approximation_needs_consent_and_is_written_down(toy):
    with pytest.raises(UnsupportedError) as caught:
        toy.prepare("train.loss=engine")
    assert caught.value.problems[0].field == "train.loss"
    outcome = toy.run("train.loss=engine", 'accept_approximate=["train.loss"]')
    assert outcome.folder.read_json("plan.json")["approximate"] == [
        "train.loss: the share of rows not yet known by heart"
    ]


def test_too_little_disk(toy, monkeypatch: pytest.MonkeyPatch):
    prepared = toy.prepare()
    assert expected_bytes(prepared) > 200 * 2**20
    usage = os.statvfs(toy.root)
    monkeypatch.setattr(
        "shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000, "total": usage.f_blocks})
    )
    with pytest.raises(DiskFull) as caught:
        toy.run()
    assert caught.value.exit_code == 5
    assert not toy.runs.exists()


def test_runs_that_cannot_be_written(toy):
    toy.runs.write_text("a file in the place of the folder")
    with pytest.raises(MachineError) as caught:
        toy.run()
    assert caught.value.code == "machine.runs"
