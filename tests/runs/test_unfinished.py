"""What a run that did not finish has left: cut off, kept, removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftcore.errors import ProtocolViolation
from ftcore.protocol import Receipt, encode
from ftcore.runs.folder import RunFolder
from ftcore.runs.unfinished import (
    finished_stages,
    keep_until,
    trim_half_lines,
    whole_checkpoints,
    written_receipts,
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def add_event(run: RunFolder, type: str, stage: str = "train", **data: object) -> None:
    line = {"version": 1, "sequence": 0, "time": 0.0, "type": type, "stage": stage, "rank": 0}
    with run.file("events.jsonl").open("a") as file:
        file.write(json.dumps({**line, "data": data}) + "\n")


def add_checkpoint(run: RunFolder, step: int, *, resumable: bool = True) -> Path:
    folder = run.file("checkpoints") / f"checkpoint-{step}"
    (folder / "inner").mkdir(parents=True)
    files = {"weights": 10, "inner/state": step}
    for name, size in files.items():
        (folder / name).write_bytes(b"x" * size)
    add_event(run, "checkpoint", step=step, path=str(folder), files=files, resumable=resumable)
    return folder


def add_receipts(run: RunFolder, steps: int, rank: int = 0) -> None:
    name = f"receipts.rank{rank}.jsonl" if rank else "receipts.jsonl"
    lines = [
        Receipt(1, "train", step, micro, rank, "ab") for step in range(steps) for micro in "ab"
    ]
    text = "".join(json.dumps(encode(line) | {"micro": 0}) + "\n" for line in lines)
    run.file(name).write_text(text)


def steps(run: RunFolder) -> list[int]:
    return [checkpoint.step for checkpoint in whole_checkpoints(run)]


def test_only_whole_checkpoints_count(run: RunFolder):
    folders = {step: add_checkpoint(run, step) for step in (4, 2, 8, 6)}
    assert steps(run) == [2, 4, 6, 8]
    (folders[8] / "weights").write_bytes(b"x")
    (folders[6] / "inner" / "state").unlink()
    # One that was being written was not reported.
    (run.file("checkpoints") / "checkpoint-10").mkdir()
    assert steps(run) == [2, 4]


def test_without_events_there_is_nothing(run: RunFolder):
    assert (steps(run), finished_stages(run), list(written_receipts(run))) == ([], {}, [])
    keep_until(run, None)
    trim_half_lines(run)


def test_a_checkpoint_at_the_end_of_patience_is_not_trained_on_from(run: RunFolder):
    add_checkpoint(run, 2)
    add_checkpoint(run, 4, resumable=False)
    assert [checkpoint.resumable for checkpoint in whole_checkpoints(run)] == [True, False]


def test_what_came_after_the_checkpoint_goes(run: RunFolder):
    for step in (1, 2, 3):
        add_checkpoint(run, step)
    for rank in (0, 1):
        add_receipts(run, 4, rank)
    (run.file("checkpoints") / "last").symlink_to("checkpoint-3")
    keep_until(run, whole_checkpoints(run)[1])
    assert sorted(p.name for p in run.file("checkpoints").iterdir()) == [
        "checkpoint-1",
        "checkpoint-2",
    ]
    left = [(receipt.rank, receipt.step) for receipt in written_receipts(run)]
    assert left == [(rank, step) for rank in (0, 1) for step in (0, 0, 1, 1)]
    keep_until(run, None)
    assert (list(written_receipts(run)), list(run.file("checkpoints").iterdir())) == ([], [])


@pytest.mark.parametrize("half", [b'{"version": 1, "st', b"\xc3", b'{"version": 1}'])
def test_half_a_line_is_cut_off(run: RunFolder, half: bytes):
    add_receipts(run, 2)
    add_event(run, "started")
    for name in ("receipts.jsonl", "events.jsonl"):
        whole = run.file(name).read_bytes()
        run.file(name).write_bytes(whole + half)
        trim_half_lines(run)
        assert run.file(name).read_bytes() == whole


def test_a_whole_line_that_is_no_receipt_is_an_error(run: RunFolder):
    run.file("receipts.jsonl").write_text("{}\n")
    with pytest.raises(ProtocolViolation, match="missing"):
        list(written_receipts(run))


def test_only_stages_that_went_their_whole_way_are_finished(run: RunFolder):
    add_event(run, "finished", "before", stopped=False, result={"rows": 3})
    add_event(run, "started", "train")
    add_event(run, "finished", "train", stopped=True, result={"steps": 1})
    assert finished_stages(run) == {"before": {"rows": 3}}
    add_event(run, "finished", "train", stopped=False, result={"steps": 2})
    assert finished_stages(run)["train"] == {"steps": 2}
