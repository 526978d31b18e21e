"""Starts one worker, follows its files to its end, and stops it in order when asked to."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ftcore.errors import MachineError
from ftcore.launcher.ending import classify, result_if_any
from ftcore.launcher.environment import worker_environment
from ftcore.launcher.interrupts import Stopped, StopSignals
from ftcore.launcher.process_tree import MARK, end_leftovers, kill_tree, marked_processes
from ftcore.protocol import NODES, STOP_REQUEST, Event, Job, Receipt, Result, decode
from ftcore.runs.follow import LineFollower

POLL_SECONDS = 0.1
GRACE_SECONDS = 60.0
# Isolated; output as it comes, since a killed process flushes nothing; UTF-8 in every locale;
# a stack in the log when native code crashes.
PYTHON_FLAGS = ("-I", "-u", "-X", "utf8", "-X", "faulthandler")


class Spawn(Protocol):
    """Starts a process: the seam for those who run workers elsewhere."""

    def __call__(
        self, args: Sequence[str], *, env: Mapping[str, str], log: Path, pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        """Start ``args`` in a session of its own, both outputs into ``log``."""


def spawn(
    args: Sequence[str], *, env: Mapping[str, str], log: Path, pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a process beside its ``log``, out of reach of the terminal's Ctrl-C."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            list(args),
            env=dict(env),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )


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

    def command(self, job: Job, node: int = 0) -> list[str]:
        """Return the worker's command line; with several ranks it starts them by torchrun.

        ``node`` is this machine's number where several train together.
        """
        bootstrap = self.code / "ftcore" / "worker" / "bootstrap.py"
        tail = [str(bootstrap), str(self.code), str(Path(job.folder) / "job.json")]
        ranks = [str(job.world_size // job.nodes)] if job.world_size > 1 else []
        if job.nodes > 1:
            ranks = [f"{ranks[0]}:{node}"]
        return [str(self.python), *PYTHON_FLAGS, *tail, *ranks]

    def run(self, job: Job, observers: Observers, *, lease_fds: Sequence[int] = ()) -> Result:
        """Run ``job`` and return its result.

        Raises `Stopped` when the user or the system ended it, what `classify` raises, and whatever
        an observer raises (a receipt that does not match), after the worker is gone.
        """
        folder = Path(job.folder)
        for path in (folder / STOP_REQUEST, *folder.glob("result*.json")):
            path.unlink(missing_ok=True)
        # Before the start, so that not even the first line is missed.
        reader = _Reader(folder, observers, job.world_size)
        with StopSignals() as signals:
            process = self.started(job, lease_fds)
            try:
                follow(process, folder, signals, reader.hear, observers.notice)
            except BaseException:
                kill_tree(process)
                raise
            finally:
                left = end_leftovers(folder)
                if left:
                    observers.notice(f"ended {left} processes that the worker had left running")
        if signals.count:
            raise Stopped(signals.exit_code, result_if_any(folder))
        return classify(process.returncode, folder)

    def started(
        self, job: Job, lease_fds: Sequence[int] = (), *, node: int = 0
    ) -> subprocess.Popen[bytes]:
        """Start the worker, or this machine's part of it; `MachineError` where that is impossible.

        Log and mark of the first machine's are the run's; every other one has its own.
        """
        folder = Path(job.folder)
        mark = node_mark(folder, node) if node else folder
        log = folder / (f"worker.node{node}.log" if node else "worker.log")
        env = {**worker_environment(self.home, job.threads), MARK: str(mark)}
        try:
            return self.start(self.command(job, node), env=env, log=log, pass_fds=lease_fds)
        except OSError as error:
            raise MachineError(
                f"the worker cannot be started: {error}",
                hint=f"does {self.python} run?",
                code="machine.worker",
            ) from error


def end_orphans(folder: Path, notify: Callable[[str], None]) -> None:
    """End a worker whose owner died; asked to stop first, so that it leaves a checkpoint."""
    if not marked_processes(folder):
        return
    notify("the run's worker is still at work without its owner: stopping it after its step")
    (folder / STOP_REQUEST).touch()
    deadline = time.monotonic() + GRACE_SECONDS
    while marked_processes(folder) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    end_leftovers(folder)


class _Reader:
    """Hands on what the worker has written since the last look."""

    def __init__(self, folder: Path, observers: Observers, ranks: int) -> None:
        suffixes = ["", *(f".rank{rank}" for rank in range(1, ranks))]
        self._events = [LineFollower(folder / f"events{suffix}.jsonl") for suffix in suffixes]
        self._receipts = [LineFollower(folder / f"receipts{suffix}.jsonl") for suffix in suffixes]
        self.observers = observers

    def hear(self) -> None:
        for receipts in self._receipts:
            for line in receipts.new_lines():
                self.observers.receipt(decode(Receipt, line))
        for events in self._events:
            for line in events.new_lines():
                event = decode(Event, line)
                # The first rank tells how it goes; of the others only warnings are news.
                if event.rank == 0 or event.type == "warning":
                    self.observers.event(event)


def node_mark(folder: Path, node: int) -> Path:
    """Return what the processes of machine ``node`` carry as their run."""
    return folder / NODES / str(node)


def follow(
    process: subprocess.Popen[bytes],
    folder: Path,
    signals: StopSignals,
    hear: Callable[[], None],
    notify: Callable[[str], None],
) -> None:
    """Follow to the end: a first signal asks for an orderly one, a second brings it about.

    ``hear`` is called again and again, and once after the end.
    """
    asked: float | None = None
    while True:
        ended = process.poll() is not None
        hear()
        if ended:
            return
        if signals.count and asked is None:
            asked = time.monotonic()
            (folder / STOP_REQUEST).touch()
            notify("stopping after this step; Ctrl-C again ends it at once")
        elif asked is not None and _patience_is_over(asked, signals):
            kill_tree(process)
        time.sleep(POLL_SECONDS)


def _patience_is_over(asked: float, signals: StopSignals) -> bool:
    return signals.count > 1 or time.monotonic() - asked > GRACE_SECONDS
