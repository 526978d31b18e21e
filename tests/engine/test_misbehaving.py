"""Every way in which a worker can go wrong, with its error, exit code and state."""

from __future__ import annotations

import psutil
import pytest

from ftcore.errors import (
    BackendFailed,
    EffectiveConfigMismatch,
    FtError,
    OutOfMemory,
    ProtocolViolation,
    ReceiptMismatch,
    WorkerCrashed,
)
from ftcore.launcher import Stopped

CASES = [
    ("KilledBySignal", WorkerCrashed, 6, "crashed", r"signal 9 \(SIGKILL\)"),
    ("LeavesAtOnce", WorkerCrashed, 6, "crashed", "exit code 3 and left no result"),
    ("NoResult", WorkerCrashed, 6, "crashed", "exit code 0 and left no result"),
    ("FailsAfterResult", WorkerCrashed, 6, "crashed", "wrote its result and then ended"),
    ("CallsExit", BackendFailed, 1, "failed", r"the engine called sys.exit\(3\)"),
    ("Raises", BackendFailed, 1, "failed", "stage train: ValueError: the engine broke"),
    ("RaisesExpected", ReceiptMismatch, 6, "failed", "stage train: a micro-batch without a loss"),
    ("OutOfMemory", OutOfMemory, 1, "failed", "Tried to allocate 20.00 GiB"),
    ("OutOfMemoryOnCpu", OutOfMemory, 1, "failed", "can't allocate memory"),
    ("OtherLabels", ReceiptMismatch, 6, "failed", r"micro-batch 1 \(step 1\) is not the stream's"),
    ("SkipsMicroBatch", ReceiptMismatch, 6, "failed", r"micro-batch 3 \(step 2\)"),
    ("SkipsLastMicroBatch", ReceiptMismatch, 6, "failed", "5 steps need 10 receipts, 8"),
    ("StopsEarly", ReceiptMismatch, 6, "failed", "did 2 of 5 planned steps"),
    ("OtherRate", EffectiveConfigMismatch, 6, "failed", r"learning_rate: planned 0.001, .* 0.002"),
    ("NoEffective", ProtocolViolation, 6, "failed", "has no recipe_fields"),
    ("NoAdapter", ProtocolViolation, 6, "failed", "the result has no stage after"),
    ("LeavesOutStages", ProtocolViolation, 6, "failed", "the result has no stage after"),
    ("HalfAdapter", ProtocolViolation, 6, "failed", "the trainer left half an adapter"),
    ("HalfResult", ProtocolViolation, 6, "failed", r"result\.json cannot be read"),
    ("UnknownEvent", ProtocolViolation, 6, "failed", "Event.type: expected one of"),
    ("EventIsNotJson", ProtocolViolation, 6, "failed", "a line is not JSON"),
    ("EventWithNan", ProtocolViolation, 6, "failed", "NaN is not JSON"),
    ("HalfAnswers", BackendFailed, 1, "failed", "answered 4 of 5 prompts"),
    ("SameAnswers", BackendFailed, 1, "failed", "unasked"),
    ("NoSuchClass", BackendFailed, 1, "failed", "NoSuchClass"),
]


def no_worker_left(folder: str) -> bool:
    for process in psutil.process_iter():
        try:
            if process.environ().get("FT_RUN_FOLDER") == folder:
                return process.status() == psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            continue
    return True


@pytest.mark.parametrize(
    ("variant", "expected", "exit_code", "state", "message"), CASES, ids=[case[0] for case in CASES]
)
def test_a_misbehaving_worker(
    toy,
    monkeypatch: pytest.MonkeyPatch,
    variant: str,
    expected: type[FtError],
    exit_code: int,
    state: str,
    message: str,
):
    monkeypatch.setenv("FT_TOY", variant)
    with pytest.raises(FtError, match=message) as caught:
        toy.run()
    assert type(caught.value) is expected
    assert caught.value.exit_code == exit_code
    manifest = toy.last().manifest()
    assert manifest.state == state
    assert manifest.error == caught.value.to_json()
    assert manifest.finished is not None
    assert not toy.last().is_locked()
    assert no_worker_left(str(toy.last().path))
    # What there is stays for those who look into it.
    assert (toy.last().path / "worker.log").exists()
    assert not (toy.last().path / "metrics.json").exists()


def test_the_adapter_of_a_failed_run_is_looked_for(toy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FT_TOY", "NoAdapter")
    with pytest.raises(ProtocolViolation, match="the trainer left no adapter"):
        toy.run("data.test=[]", "export.formats=[]", "evaluation.slices=[]")


def test_a_worker_that_the_system_stopped_is_an_interrupted_run(
    toy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FT_TOY", "StopsItself")
    with pytest.raises(Stopped) as caught:
        toy.run()
    assert caught.value.exit_code == 143
    assert toy.last().manifest().state == "interrupted"


def test_what_a_dead_worker_left_running_is_ended(toy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FT_TOY", "LeavesGrandchild")
    with pytest.raises(WorkerCrashed):
        toy.run()
    pid = int(toy.last().file("grandchild").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_an_observer_that_fails_ends_the_run_as_failed(toy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FT_TOY", "Slow")

    def refuse(event: object) -> None:
        raise ArithmeticError("a defect of the watcher")

    toy.heard.event = refuse
    with pytest.raises(ArithmeticError):
        toy.run()
    manifest = toy.last().manifest()
    assert (manifest.state, manifest.error) == (
        "failed",
        {"error": "ArithmeticError", "message": "a defect of the watcher"},
    )
    assert no_worker_left(str(toy.last().path))


def test_a_run_that_never_started_a_worker_says_why(toy, tiny_model, monkeypatch):
    """The disk fills up, as it were, when the job is written."""

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        toy.run()
    assert toy.last().manifest().state == "failed"
