"""Ends a worker with everything that it started, whatever session it is in."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

TERM_SECONDS = 5.0
POLL_SECONDS = 0.05
# Carried by the worker and all that it starts: it finds those whose parent died before them.
MARK = "FT_RUN_FOLDER"


def kill_tree(process: subprocess.Popen[bytes], seconds: float | None = None) -> None:
    """Terminate, and after ``seconds`` kill, a process and all its descendants."""
    import psutil

    try:
        leader = psutil.Process(process.pid)
        tree = [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    _end(tree, TERM_SECONDS if seconds is None else seconds)
    process.wait()


def marked_processes(folder: Path) -> list[psutil.Process]:
    """Return the processes that carry the mark of the run in ``folder``, this one left out.

    Processes of other users, and those that threw their environment away, are not seen.
    """
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end_leftovers(folder: Path, seconds: float | None = None) -> int:
    """End what a worker of the run in ``folder`` left running; returns how many processes."""
    left = marked_processes(folder)
    _end(left, TERM_SECONDS if seconds is None else seconds)
    return len(left)


def _end(processes: list[psutil.Process], seconds: float) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            _send(process, number)
        deadline = time.monotonic() + seconds
        while any(_lives(process) for process in processes):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        else:
            return


def _lives(process: psutil.Process) -> bool:
    """Whether a process still runs; a dead one that nobody has waited for yet does not."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _send(process: psutil.Process, number: int) -> None:
    import psutil

    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
