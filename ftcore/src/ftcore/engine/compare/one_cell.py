"""Does one run of a comparison: takes a stored one, goes on with an interrupted one, or runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ftcore.engine.compare.cells import Cell, in_environment
from ftcore.engine.observer import Observer
from ftcore.engine.parity.trainings import Workplace, environment_of
from ftcore.engine.prepare import Prepared, prepare
from ftcore.engine.resume import resume
from ftcore.engine.run import execute
from ftcore.errors import FtError, ResumeError
from ftcore.plugins import Plugins
from ftcore.protocol import Event
from ftcore.runs.folder import RunFolder


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


def do_cell(
    cell: Cell, plugins: Plugins, workplace: Workplace, observer: CellObserver
) -> dict[str, Any]:
    """Return how the cell ended, as `Progress.end` takes it; only what is no `FtError` raises."""
    try:
        if cell.refused is not None:
            return {"state": "failed", "error": cell.refused}
        run, reused = _one(cell, plugins, replace(workplace, observer=observer))
        return {"state": "reused" if reused else "finished", "run": str(run)}
    except FtError as error:
        return {"state": "failed", "error": error.message, "run": observer.folder}


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
    environment = environment_of(prepared, workplace)
    same = (run for run in cell.finished if in_environment(run, prepared, environment))
    return next(same, None)
