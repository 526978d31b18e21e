"""Ends a worker with everything that it started, whatever session it is in."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

TERM_SECONDS = 5.0
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
    import psutil

    for process in processes:
        _send(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=seconds)


def _send(process: psutil.Process, number: int) -> None:
    import psutil

    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
