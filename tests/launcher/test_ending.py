from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftcore.errors import (
    BackendFailed,
    DataError,
    FtError,
    OutOfMemory,
    ProtocolViolation,
    ReceiptMismatch,
    WorkerCrashed,
)
from ftcore.launcher import Stopped, classify, log_tail
from ftcore.protocol import Failure, Result, write_message


def leave(folder: Path, status: str = "ok", failure: Failure | None = None) -> None:
    write_message(Result(1, status, {}, {}, failure), folder / "result.json")


def test_a_good_end(tmp_path: Path):
    leave(tmp_path)
    assert classify(0, tmp_path) == Result(1, "ok", {}, {})


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        (-9, "ended by signal 9 (SIGKILL)", "out of memory"),
        (-11, "ended by signal 11 (SIGSEGV)", "worker.log"),
        (-40, "ended by signal 40 (a real-time signal)", "worker.log"),
        (3, "ended with exit code 3 and left no result", "worker.log"),
        (0, "ended with exit code 0 and left no result", "worker.log"),
    ],
)
def test_a_worker_that_died(tmp_path: Path, code: int, message: str, hint: str):
    (tmp_path / "worker.log").write_text("first\nlast words\n")
    with pytest.raises(WorkerCrashed) as caught:
        classify(code, tmp_path)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)
    assert caught.value.details["log_tail"] == ["first", "last words"]
    assert (caught.value.exit_code, caught.value.code) == (6, "worker.crashed")


@pytest.mark.parametrize("code", [-9, 1])
def test_a_good_result_and_a_bad_end_is_a_crash(tmp_path: Path, code: int):
    leave(tmp_path)
    with pytest.raises(WorkerCrashed):
        classify(code, tmp_path)


@pytest.mark.parametrize("text", ["", '{"version": 1, "sta', '{"version": 1}', "[]"])
def test_half_a_result_is_a_violation(tmp_path: Path, text: str):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(ProtocolViolation) as caught:
        classify(0, tmp_path)
    assert "log" in caught.value.details
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    ("failure", "expected", "exit_code", "code"),
    [
        (Failure("engine", "train", "ValueError", "odd"), BackendFailed, 1, "backend.failed"),
        (Failure("memory", "train", "RuntimeError", "20 GiB"), OutOfMemory, 1, None),
        (
            Failure("expected", "train", "ReceiptMismatch", "odd", "h", "receipts.odd"),
            ReceiptMismatch,
            6,
            "receipts.odd",
        ),
        (
            Failure("expected", "train", "DataError", "no order", None, "data.order"),
            DataError,
            2,
            None,
        ),
        # A class that this ftcore does not know, and a name that is no error at all.
        (Failure("expected", "train", "NewError", "odd"), BackendFailed, 1, None),
        (Failure("expected", "train", "Problem", "odd"), BackendFailed, 1, None),
    ],
)
def test_a_failure_keeps_its_kind(
    tmp_path: Path, failure: Failure, expected: type[FtError], exit_code: int, code: str | None
):
    leave(tmp_path, "failed", failure)
    with pytest.raises(FtError) as caught:
        classify(1, tmp_path)
    assert type(caught.value) is expected
    assert caught.value.exit_code == exit_code
    assert code is None or caught.value.code == code
    assert caught.value.message.startswith("stage train: ")
    assert failure.message in caught.value.message


def test_a_failure_without_a_reason_is_a_violation(tmp_path: Path):
    leave(tmp_path, "failed")
    with pytest.raises(ProtocolViolation, match="without a reason"):
        classify(1, tmp_path)


def test_a_worker_that_the_system_stopped(tmp_path: Path):
    leave(tmp_path, "stopped")
    with pytest.raises(Stopped) as caught:
        classify(0, tmp_path)
    assert caught.value.exit_code == 143


def test_the_end_of_a_log(tmp_path: Path):
    log = tmp_path / "worker.log"
    assert log_tail(log) == []
    log.write_bytes(b"x" * 1_000_000 + b"\n\xff\n" + b"\n".join(b"%d" % n for n in range(30)))
    assert log_tail(log, 3) == ["27", "28", "29"]
    log.write_bytes(b"\xff one\rtwo\n")
    assert log_tail(log) == ["\ufffd one", "two"]


def test_details_are_json(tmp_path: Path):
    details: dict[str, Any] = {}
    try:
        classify(-9, tmp_path)
    except WorkerCrashed as error:
        details = error.to_json()
    assert json.loads(json.dumps(details)) == details
