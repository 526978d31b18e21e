"""Runs another machine's part of a training, and follows it to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ftcore.errors import WorkerCrashed
from ftcore.launcher.ending import log_tail
from ftcore.launcher.interrupts import Stopped, StopSignals
from ftcore.launcher.launch import Launcher, follow, node_mark
from ftcore.launcher.process_tree import end_leftovers, kill_tree
from ftcore.protocol import Job


def run_part(
    launcher: Launcher,
    job: Job,
    node: int,
    notify: Callable[[str], None],
    *,
    lease_fds: Sequence[int] = (),
) -> None:
    """Train as machine ``node`` (from 1) of ``job`` to its end.

    Ctrl-C asks all machines to stop after their step, and leaves as `Stopped`. Raises
    `WorkerCrashed` where this machine's part failed; the run's own command says why.
    """
    folder = Path(job.folder)
    with StopSignals() as signals:
        process = launcher.started(job, lease_fds, node=node)
        try:
            follow(process, folder, signals, lambda: None, notify)
        except BaseException:
            kill_tree(process)
            raise
        finally:
            end_leftovers(node_mark(folder, node))
    if signals.count:
        raise Stopped(signals.exit_code, None)
    if process.returncode:
        log = folder / f"worker.node{node}.log"
        how = f"exit code {process.returncode}" if process.returncode > 0 else "a signal"
        raise WorkerCrashed(
            f"this machine's part of the training ended with {how}",
            hint=f"the command that started the run says what failed first; the log here is {log}",
            code="worker.part",
            details={"log": str(log), "log_tail": log_tail(log)},
        )
