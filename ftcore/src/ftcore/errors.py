"""Every error that ft raises on purpose, and the exit code that each one means.

::

    FtError
    ├── InputError              2   the user's input cannot work
    │   ├── RecipeError
    │   ├── DataError
    │   ├── ModelError
    │   ├── UnsupportedError
    │   ├── RunNotFound
    │   └── ResumeError
    ├── PluginError             4   a plugin could not be loaded or breaks the contract
    ├── MachineError            5   the machine or its network is in the way
    │   ├── BuildError
    │   ├── DiskFull
    │   ├── ClusterError
    │   └── RunLocked
    ├── BackendFailed           1   the engine refused or failed
    │   └── OutOfMemory
    ├── GuaranteeError          6   what was promised does not hold
    │   ├── WorkerCrashed
    │   ├── ProtocolViolation
    │   ├── ReceiptMismatch
    │   └── EffectiveConfigMismatch
    └── GateFailed              7   a required figure or check did not hold

Outside the tree: 0 success, 3 a bug in ft (with a report file), 130 Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

EXIT_OK = 0
EXIT_BUG = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input, with its place and one thing to try.

    ``message`` says what was found and what was expected; ``file``, ``line`` (from 1) and
    ``field`` (a dotted TOML key or a JSON path) say where; ``fix`` is one thing to try.
    """

    message: str
    file: str | None = None
    line: int | None = None
    field: str | None = None
    fix: str | None = None
    code: str | None = None

    def place(self) -> str:
        """Return ``file:line field``, as far as it is known."""
        where = self.file or ""
        if self.line is not None:
            where += f":{self.line}" if where else f"line {self.line}"
        return " ".join(part for part in (where, self.field or "") if part)

    def __str__(self) -> str:
        place = self.place()
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.fix})" if self.fix else text


class FtError(Exception):
    """An expected error: shown without a traceback, with its place and one thing to try.

    ``code`` is a stable name such as ``recipe.unknown-key`` that documentation and hints refer
    to; ``problems`` lists all that was found at once; ``details`` is data for ``--json``.
    """

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        problems: Sequence[Problem] = (),
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code
        self.problems = tuple(problems)
        self.details = details or {}

    def lines(self) -> list[str]:
        """Return the error for people: message, problems with their places, hint."""
        hint = [f"hint: {self.hint}"] if self.hint else []
        return [self.message, *(f"  - {problem}" for problem in self.problems), *hint]

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows in place of a traceback (IPython asks for it)."""
        return [f"{type(self).__name__}: {self.message}", *self.lines()[1:]]

    def to_json(self) -> dict[str, Any]:
        """Return the error as plain data, as ``--json`` prints it."""
        return {
            "error": type(self).__name__,
            "code": self.code,
            "exit_code": self.exit_code,
            "message": self.message,
            "hint": self.hint,
            "problems": [asdict(problem) for problem in self.problems],
            "details": self.details,
        }


class InputError(FtError):
    """The user's input cannot work; nothing was computed."""

    exit_code = 2
    default_code = "input"


class RecipeError(InputError):
    """The recipe cannot be read or contradicts itself."""

    default_code = "recipe"


class DataError(InputError):
    """The data cannot be read or cannot be trained on."""

    default_code = "data"


class ModelError(InputError):
    """The model cannot be found or lacks a part that is needed."""

    default_code = "model"


class UnsupportedError(InputError):
    """The chosen backend or this machine cannot do what the recipe asks."""

    default_code = "unsupported"


class RunNotFound(InputError):
    """No run has the given name or folder."""

    default_code = "run.not-found"


class ResumeError(InputError):
    """The run cannot go on as the one that it was."""

    default_code = "resume"


class PluginError(FtError):
    """A plugin could not be imported or breaks the plugin contract."""

    exit_code = 4
    default_code = "plugin"


class MachineError(FtError):
    """The machine or its network is in the way."""

    exit_code = 5
    default_code = "machine"


class BuildError(MachineError):
    """An environment could not be built."""

    default_code = "environment.build"


class DiskFull(MachineError):
    """There is too little disk space for what the run will write."""

    default_code = "machine.disk"


class ClusterError(MachineError):
    """Machines that should work together cannot: no Ray cluster, a node that lacks something."""

    default_code = "cluster"


class RunLocked(MachineError):
    """Another process is using the run directory."""

    default_code = "run.locked"


class BackendFailed(FtError):
    """The engine raised an error or refused its configuration."""

    exit_code = 1
    default_code = "backend.failed"


class OutOfMemory(BackendFailed):
    """The engine ran out of memory."""

    default_code = "backend.out-of-memory"


class GuaranteeError(FtError):
    """What ft promises about a run does not hold for this one."""

    exit_code = 6
    default_code = "guarantee"


class WorkerCrashed(GuaranteeError):
    """The worker process died without a result."""

    default_code = "worker.crashed"


class ProtocolViolation(GuaranteeError):
    """The worker's files do not follow the protocol."""

    default_code = "worker.protocol"


class ReceiptMismatch(GuaranteeError):
    """The engine trained on something other than the canonical stream."""

    default_code = "receipts.mismatch"


class EffectiveConfigMismatch(GuaranteeError):
    """The engine's effective configuration differs from the plan."""

    default_code = "engine-config.mismatch"


class GateFailed(FtError):
    """A required metric, a data check or a doctor check did not hold."""

    exit_code = 7
    default_code = "gate"
