"""Does the runs of a comparison one after the other; one that fails does not end the others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ftcore.engine.compare.cells import Cell, in_environment
from ftcore.engine.observer import Observer
from ftcore.engine.parity.trainings import Workplace
from ftcore.engine.place import place
from ftcore.engine.prepare import Prepared, prepare
from ftcore.engine.resume import resume
from ftcore.engine.run import execute
from ftcore.errors import FtError, ResumeError
from ftcore.launcher import Stopped, sigterm_as_stop
from ftcore.plugins import Plugins
from ftcore.protocol import Event, write_json
from ftcore.report.numbers import duration
from ftcore.runs.folder import RunFolder

State = Literal["waiting", "running", "reused", "finished", "failed"]
CELLS = "cells.json"


@dataclass(frozen=True, slots=True)
class DoneCell:
    """How one run of a comparison stands; ``run`` is its folder, ``error`` why it failed."""

    variant: str
    seed: int
    state: State = "waiting"
    run: str | None = None
    error: str | None = None


class CellObserver(Observer):
    """Passes on what happens in a run of a comparison, but for its plan; notes its folder."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.folder: str | None = None

    def phase(self, name: str) -> None:
        """Pass it on."""
        self._observer.phase(name)

    def notice(self, text: str) -> None:
        """Pass it on."""
        self._observer.notice(text)

    def started(self, run_folder: str) -> None:
        """Note the folder and pass it on."""
        self.folder = run_folder
        self._observer.started(run_folder)

    def event(self, event: Event) -> None:
        """Pass it on."""
        self._observer.event(event)

    def scored(self, metrics: dict[str, Any]) -> None:
        """Pass it on."""
        self._observer.scored(metrics)


@dataclass
class Progress:
    """Which cell it is of how many, and how long the rest may take; kept in ``cells.json``."""

    cells: Sequence[Cell]
    out: Path
    observer: Observer

    def __post_init__(self) -> None:
        self.done = [DoneCell(cell.choice.name, cell.seed) for cell in self.cells]
        self._took: list[float] = []
        self._save()

    def begin(self, place: int) -> None:
        """Say that a cell begins."""
        text = f"[{place + 1} of {len(self.cells)}] {self.cells[place].name}"
        if self._took:
            todo = sum(not c.finished and c.refused is None for c in self.cells[place:])
            text += f", about {duration(todo * sum(self._took) / len(self._took))} left"
        self.observer.notice(text)
        self.change(place, state="running")

    def change(self, place: int, **changes: Any) -> None:
        """Note how a cell stands."""
        self.done[place] = replace(self.done[place], **changes)
        self._save()

    def end(self, place: int, *, seconds: float, **changes: Any) -> None:
        """Note how a cell ended; only a run that was done says how long one takes."""
        if changes["state"] == "finished":
            self._took.append(seconds)
        self.change(place, **changes)

    def _save(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        write_json({"cells": [asdict(cell) for cell in self.done]}, self.out / CELLS)


def carry_out(
    cells: Sequence[Cell], plugins: Plugins, workplace: Workplace, out: Path
) -> list[DoneCell]:
    """Do every cell that no stored run answers, and return how all ended, in order.

    A run that was interrupted goes on where it was. Ctrl-C ends the whole; the same command goes
    on with what is missing.
    """
    progress = Progress(cells, out, workplace.observer)
    for number, cell in enumerate(cells):
        progress.begin(number)
        began, observer = time.monotonic(), CellObserver(workplace.observer)
        try:
            if cell.refused is not None:
                ended: dict[str, Any] = {"state": "failed", "error": cell.refused}
            else:
                run, reused = _one(cell, plugins, replace(workplace, observer=observer))
                ended = {"state": "reused" if reused else "finished", "run": str(run)}
        except FtError as error:
            ended = {"state": "failed", "error": error.message, "run": observer.folder}
        except (Stopped, KeyboardInterrupt):
            progress.change(number, state="waiting", run=observer.folder)
            workplace.observer.notice("stopped; the same command goes on with what is missing")
            raise
        progress.end(number, seconds=time.monotonic() - began, **ended)
        if ended["state"] == "failed":
            workplace.observer.notice(f"{cell.name} failed: {ended['error']}")
    return progress.done


def _one(cell: Cell, plugins: Plugins, workplace: Workplace) -> tuple[Path, bool]:
    """Return a finished run of the cell, and whether it was there already."""
    observer = workplace.observer
    prepared = prepare(cell.loaded, plugins, offline=workplace.offline, notify=observer.notice)
    stored = _stored(cell, prepared, workplace)
    if stored is not None:
        observer.notice(f"reused {stored.path.name}")
        return stored.path, True
    for run in () if workplace.fresh else cell.unfinished:
        try:
            outcome = resume(
                run,
                plugins,
                observer=observer,
                python=workplace.python,
                offline=workplace.offline,
            )
        except ResumeError as error:
            observer.notice(f"{run.path.name} cannot go on: {error.message}")
            continue
        return outcome.folder.path, False
    outcome = execute(
        prepared,
        runs=workplace.runs,
        observer=observer,
        python=workplace.python,
        offline=workplace.offline,
    )
    return outcome.folder.path, False


def _stored(cell: Cell, prepared: Prepared, workplace: Workplace) -> RunFolder | None:
    """Return the newest stored run that had the environment and code of now."""
    if workplace.fresh or not cell.finished:
        return None
    with sigterm_as_stop():
        environment = place(
            prepared.spec,
            prepared.device,
            python=workplace.python,
            offline=workplace.offline,
            observer=workplace.observer,
        )
    same = (run for run in cell.finished if in_environment(run, prepared, environment))
    return next(same, None)


def failures(done: Sequence[DoneCell]) -> Iterator[DoneCell]:
    """Yield the cells that failed."""
    return (cell for cell in done if cell.state == "failed")
