"""The parent side of a worker: start it, follow its files, stop it, say how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ftcore.errors import (
    BackendFailed,
    FtError,
    GuaranteeError,
    OutOfMemory,
    ProtocolViolation,
    WorkerCrashed,
)
from ftcore.protocol import Event, Job, Receipt, Result, decode, read_message
from ftcore.runs.follow import LineFollower

POLL_SECONDS = 0.1
GRACE_SECONDS = 60.0
TERM_SECONDS = 10.0
LOG_TAIL_LINES = 20

# What a worker must not inherit: the parent's packages, and anything that reaches a hub.
DROPPED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "CONDA_PREFIX")
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_MODE": "disabled",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}
SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODELSCOPE_API_TOKEN")


class Stopped(Exception):
    """The user (Ctrl-C) or the system (SIGTERM) ended the run; ``exit_code`` is 130 or 143."""

    def __init__(self, exit_code: int, result: Result | None) -> None:
        super().__init__(f"stopped ({exit_code})")
        self.exit_code = exit_code
        self.result = result


class Spawn(Protocol):
    """Starts a process: the seam at which tests replace it."""

    def __call__(
        self, args: Sequence[str], *, env: Mapping[str, str], log: Path, pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        """Start ``args`` in a session of its own, both outputs into ``log``."""


def spawn(
    args: Sequence[str], *, env: Mapping[str, str], log: Path, pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a process whose outputs go to ``log``, out of reach of the terminal's Ctrl-C."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            list(args),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )


def worker_environment(home: Path, threads: int | None) -> dict[str, str]:
    """Return a cleaned copy of this process's environment for a worker.

    HOME and the engines' caches point below ``home``; hubs are switched off, since models and
    data were resolved to folders before.
    """
    kept = {k: v for k, v in os.environ.items() if k not in DROPPED and k not in SECRETS}
    kept.update(OFFLINE)
    kept.update(HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"), HF_HOME=str(home / "hf"))
    kept.update(MPLCONFIGDIR=str(home / "matplotlib"), MODELSCOPE_CACHE=str(home / "modelscope"))
    if threads:
        kept.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    home.mkdir(parents=True, exist_ok=True)
    return kept


@dataclass(frozen=True, slots=True)
class Observers:
    """Who hears what the worker writes."""

    event: Callable[[Event], None]
    receipt: Callable[[Receipt], None]
    notice: Callable[[str], None]


class Launcher:
    """Runs one job in one worker (or one per rank, by torchrun) and follows it to its end."""

    def __init__(self, python: Path, code: Path, home: Path, *, start: Spawn = spawn) -> None:
        self.python = python
        self.code = code
        self.home = home
        self.start = start

    def command(self, job: Job) -> list[str]:
        """Return the worker's command line."""
        bootstrap = self.code / "ftcore" / "worker" / "bootstrap.py"
        tail = [str(bootstrap), str(self.code), str(Path(job.folder) / "job.json")]
        if job.world_size == 1:
            return [str(self.python), "-I", *tail]
        ranks = f"--nproc-per-node={job.world_size}"
        # Ranks start without -I: the launcher itself was started with a cleaned environment.
        return [str(self.python), "-m", "torch.distributed.run", "--standalone", ranks, *tail]

    def run(self, job: Job, observers: Observers, *, lease_fds: Sequence[int] = ()) -> Result:
        """Run ``job`` and return its result.

        Raises `Stopped` when the user or the system ended it, `WorkerCrashed` when the worker died
        without a result, `BackendFailed` or `OutOfMemory` when the engine failed, and whatever an
        observer raises (a receipt that does not match), after the worker is gone.
        """
        folder = Path(job.folder)
        for name in ("result.json", "stop.request"):
            (folder / name).unlink(missing_ok=True)
        env = worker_environment(self.home, job.threads)
        process = self.start(
            self.command(job), env=env, log=folder / "worker.log", pass_fds=lease_fds
        )
        with _sigterm_as_exception():
            try:
                self._follow(process, folder, observers)
            except KeyboardInterrupt as reason:
                code = 143 if isinstance(reason, _Terminated) else 130
                self._stop_in_order(process, folder, observers)
                raise Stopped(code, _result(folder)) from None
            except BaseException:
                kill_tree(process)
                raise
        return classify(process.returncode, folder)

    def _follow(self, process: subprocess.Popen[bytes], folder: Path, observers: Observers) -> None:
        events = LineFollower(folder / "events.jsonl")
        receipts = LineFollower(folder / "receipts.jsonl")
        while True:
            ended = process.poll() is not None
            for line in receipts.new_lines():
                observers.receipt(decode(Receipt, line))
            for line in events.new_lines():
                observers.event(decode(Event, line))
            if ended:
                return
            time.sleep(POLL_SECONDS)

    def _stop_in_order(
        self, process: subprocess.Popen[bytes], folder: Path, observers: Observers
    ) -> None:
        """Ask for an orderly end; a second Ctrl-C, or too long a wait, ends the whole tree."""
        (folder / "stop.request").touch()
        observers.notice("stopping after this step; Ctrl-C again ends it at once")
        try:
            process.wait(GRACE_SECONDS)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            kill_tree(process)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Terminate, then kill, a process and all its descendants, whatever session they are in."""
    import psutil

    try:
        leader = psutil.Process(process.pid)
        tree = [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in tree:
        _send(member, signal.SIGTERM)
    _, alive = psutil.wait_procs(tree, timeout=TERM_SECONDS)
    for member in alive:
        _send(member, signal.SIGKILL)
    process.wait()


def _send(process: Any, number: int) -> None:
    import psutil

    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


class _Terminated(KeyboardInterrupt):
    """SIGTERM, raised where Ctrl-C would be."""


@contextmanager
def _sigterm_as_exception() -> Iterator[None]:
    def on_sigterm(number: int, frame: Any) -> None:
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, on_sigterm)
    except ValueError:  # not the main thread (a notebook's kernel): leave signals alone
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _result(folder: Path) -> Result | None:
    try:
        return read_message(Result, folder / "result.json")
    except ProtocolViolation:
        return None


def classify(returncode: int, folder: Path) -> Result:
    """Return the result of a worker that ended, or raise the error that says whose fault it was."""
    log = folder / "worker.log"
    tail = log_tail(log)
    if returncode < 0:
        name = signal.Signals(-returncode).name
        hint = "the system may be out of memory" if name == "SIGKILL" else f"see {log}"
        raise WorkerCrashed(
            f"the worker was ended by signal {-returncode} ({name})",
            hint=hint,
            details={"log": str(log), "log_tail": tail},
        )
    result = _result(folder)
    if result is None:
        raise WorkerCrashed(
            f"the worker ended with exit code {returncode} and left no valid result",
            hint=f"its log is {log}",
            details={"log": str(log), "log_tail": tail},
        )
    if result.status == "failed":
        raise failure_error(result, log, tail)
    return result


def failure_error(result: Result, log: Path, tail: list[str]) -> FtError:
    """Return the error for a result that says "failed"."""
    failure = result.failure
    details = {"log": str(log), "log_tail": tail}
    if failure is None:
        return ProtocolViolation("a failed result without a reason", details=details)
    message = f"stage {failure.stage or 'start'}: {failure.type}: {failure.message}"
    if failure.kind == "memory":
        hint = "lower train.batch_size and raise train.accumulation, or set gradient_checkpointing"
        return OutOfMemory(message, hint=hint, details=details)
    if failure.kind == "guarantee":
        return GuaranteeError(message, hint=failure.hint, details=details)
    return BackendFailed(message, hint=f"the engine's log is {log}", details=details)


def log_tail(log: Path, lines: int = LOG_TAIL_LINES) -> list[str]:
    """Return the last lines of a log."""
    if not log.exists():
        return []
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
