"""The parent side of a worker: start it, follow its files, stop it, say how it ended."""

from ftcore.launcher.ending import classify, log_tail
from ftcore.launcher.environment import worker_environment
from ftcore.launcher.interrupts import Stopped, sigterm_as_stop
from ftcore.launcher.joining import run_part
from ftcore.launcher.launch import Launcher, Observers, Spawn, end_orphans, spawn

__all__ = [
    "Launcher",
    "Observers",
    "Spawn",
    "Stopped",
    "classify",
    "end_orphans",
    "log_tail",
    "run_part",
    "sigterm_as_stop",
    "spawn",
    "worker_environment",
]
