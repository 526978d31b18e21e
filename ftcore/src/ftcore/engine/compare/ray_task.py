"""What is done on a node of a Ray cluster: a look at the node, and one run of a comparison."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ftcore import __version__
from ftcore.engine.compare.cells import StoredRuns, plan_cell
from ftcore.engine.compare.choices import Choice
from ftcore.engine.compare.one_cell import CellObserver, do_cell
from ftcore.engine.observer import Observer
from ftcore.engine.opening import use_plugins
from ftcore.engine.parity.trainings import Workplace
from ftcore.protocol import Event

SILENCE = 5.0  # seconds between two words about the same run's steps
Post = Callable[[tuple[int, str, str]], None]


@dataclass(frozen=True, slots=True)
class Order:
    """One run for a node; ``number`` is its place among the runs, ``folder`` the command's own.

    The observer of ``workplace`` hears nothing: the node puts one there that reports.
    """

    number: int
    choice: Choice
    seed: int
    folder: Path
    workplace: Workplace


def what_is_here() -> dict[str, Any]:
    """Return the version and code of ft here, and its backends."""
    return {"ft": f"{__version__} ({own_code()[:8]})", "backends": sorted(use_plugins().backends())}


def look(folder: str, marker: str, word: str) -> dict[str, Any]:
    """Return what a node has, and as ``problem`` what keeps it from taking runs.

    ``folder`` is the one in which the command runs, ``marker`` a file in the folder of runs that
    holds ``word`` where this node sees the same files as the one that asks.
    """
    found = what_is_here()
    if not Path(folder).is_dir():
        return {**found, "problem": f"it does not see the folder {folder}"}
    try:
        if Path(marker).read_text(encoding="utf-8") != word:
            return {**found, "problem": f"it sees another {Path(marker).parent}"}
        own = Path(f"{marker}-{os.getpid()}")
        own.touch()
        own.unlink()
    except OSError as error:
        reason = error.strerror or "no such file"
        return {**found, "problem": f"it cannot use {Path(marker).parent}: {reason}"}
    return found


@cache
def own_code() -> str:
    """Return the hash of ft's own code, which must be the same on every node."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Reporter(Observer):
    """Tells the one who asked for a run what happens in it, as (number, kind, text)."""

    def __init__(self, number: int, post: Post) -> None:
        self._number = number
        self._post = post
        self._last = 0.0

    def notice(self, text: str) -> None:
        """Pass it on."""
        self._post((self._number, "notice", text))

    def started(self, run_folder: str) -> None:
        """Tell where the run directory is."""
        self._post((self._number, "run", run_folder))

    def phase(self, name: str) -> None:
        """Tell what it is busy with."""
        self._post((self._number, "status", name))

    def event(self, event: Event) -> None:
        """Tell how far it is, now and then."""
        if event.type != "progress" or time.monotonic() - self._last < SILENCE:
            return
        self._last = time.monotonic()
        data = event.data
        text = f"{event.stage} {data.get('done')} of {data.get('total')} {data.get('unit', '')}"
        self._post((self._number, "status", text.strip()))


def run_order(order: Order, post: Post) -> dict[str, Any]:
    """Do one run here and return how it ended, as `Progress.end` takes it."""
    post((order.number, "begins", socket.gethostname()))
    before = Path.cwd()
    os.chdir(order.folder)  # paths in a recipe's overrides are those of the command
    try:
        return _run(order, post)
    finally:
        os.chdir(before)


def _run(order: Order, post: Post) -> dict[str, Any]:
    observer = CellObserver(Reporter(order.number, post))
    plugins, place = use_plugins(), order.workplace
    stored = StoredRuns(place.runs)
    cell = plan_cell(order.choice, order.seed, plugins, stored, observer, offline=place.offline)
    return do_cell(cell, plugins, place, observer)
