"""Does the runs of a comparison one after the other; one that fails does not end the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ftcore.engine.compare.cells import Cell
from ftcore.engine.compare.one_cell import CellObserver, do_cell
from ftcore.engine.compare.progress import DoneCell, Progress
from ftcore.engine.parity.trainings import Workplace
from ftcore.launcher import Stopped
from ftcore.plugins import Plugins


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
        observer = CellObserver(workplace.observer)
        try:
            ended = do_cell(cell, plugins, workplace, observer)
        except (Stopped, KeyboardInterrupt):
            progress.change(number, run=observer.folder)
            progress.stopped()
            raise
        progress.end(number, **ended)
    return progress.done
