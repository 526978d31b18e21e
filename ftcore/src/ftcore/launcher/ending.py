"""How a worker ended, and whose fault it was: its exit status and ``result.json`` say so."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from ftcore import errors
from ftcore.errors import (
    EXIT_TERMINATED,
    BackendFailed,
    FtError,
    OutOfMemory,
    ProtocolViolation,
    WorkerCrashed,
)
from ftcore.launcher.interrupts import Stopped
from ftcore.protocol import Failure, Result, read_message

RESULT = "result.json"
LOG_TAIL_LINES = 20
LOG_TAIL_BYTES = 64 * 1024


def classify(returncode: int, folder: Path) -> Result:
    """Return the result of a worker that ended well.

    Raises `WorkerCrashed` for one that died or left no result, `ProtocolViolation` for a result
    that cannot be read, the error that a failed result names, and `Stopped` for a worker that the
    system asked to end.
    """
    log = folder / "worker.log"
    details: dict[str, Any] = {"log": str(log), "log_tail": log_tail(log)}
    if returncode < 0:
        name = _signal_name(-returncode)
        hint = "the system may be out of memory" if name == "SIGKILL" else f"see {log}"
        raise WorkerCrashed(
            f"the worker was ended by signal {-returncode} ({name})", hint=hint, details=details
        )
    if not (folder / RESULT).exists():
        raise WorkerCrashed(
            f"the worker ended with exit code {returncode} and left no result",
            hint=f"its log is {log}",
            details=details,
        )
    try:
        result = read_message(Result, folder / RESULT)
    except ProtocolViolation as error:
        raise ProtocolViolation(error.message, hint=f"the log is {log}", details=details) from error
    if result.status == "failed":
        raise failure_error(result.failure, log, details)
    if returncode != 0:
        raise WorkerCrashed(
            f"the worker wrote its result and then ended with exit code {returncode}",
            hint=f"its log is {log}",
            details=details,
        )
    if result.status == "stopped":
        raise Stopped(EXIT_TERMINATED, result)
    return result


def result_if_any(folder: Path) -> Result | None:
    """Return the result of a worker that was told to stop, if it wrote one."""
    try:
        return read_message(Result, folder / RESULT)
    except ProtocolViolation:
        return None


def failure_error(failure: Failure | None, log: Path, details: dict[str, Any]) -> FtError:
    """Return the error that a failed result stands for."""
    if failure is None:
        return ProtocolViolation("a failed result without a reason", details=details)
    message = f"stage {failure.stage or 'start'}: {failure.type}: {failure.message}"
    if failure.kind == "memory":
        hint = "lower train.batch_size and raise train.accumulation, or set gradient_checkpointing"
        return OutOfMemory(message, hint=hint, details=details)
    known = getattr(errors, failure.type, None)
    if failure.kind == "expected" and isinstance(known, type) and issubclass(known, FtError):
        message = f"stage {failure.stage or 'start'}: {failure.message}"
        return known(message, hint=failure.hint, code=failure.code, details=details)
    return BackendFailed(message, hint=f"the engine's log is {log}", details=details)


def log_tail(log: Path, lines: int = LOG_TAIL_LINES) -> list[str]:
    """Return the last lines of a log, of whatever size it is."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LOG_TAIL_BYTES))
        text = file.read().decode("utf-8", errors="replace")
    return text.splitlines()[-lines:]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "a real-time signal"
