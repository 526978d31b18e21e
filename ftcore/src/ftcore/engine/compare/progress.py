"""How the runs of a comparison stand, kept in its folder, and how long the rest may take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ftcore.engine.compare.cells import Cell
from ftcore.engine.observer import Observer
from ftcore.protocol import write_json
from ftcore.report.numbers import duration

State = Literal["waiting", "running", "reused", "finished", "failed"]
Executor = Literal["local", "ray"]
CELLS = "cells.json"


@dataclass(frozen=True, slots=True)
class DoneCell:
    """How one run of a comparison stands; ``run`` is its folder, ``error`` why it failed."""

    variant: str
    seed: int
    state: State = "waiting"
    run: str | None = None
    error: str | None = None


@dataclass
class Progress:
    """Which cell it is of how many, and how long the rest may take; kept in ``cells.json``.

    ``at_once`` is how many cells are run at the same time.
    """

    cells: Sequence[Cell]
    out: Path
    observer: Observer
    at_once: int = 1

    def __post_init__(self) -> None:
        self.done = [DoneCell(cell.choice.name, cell.seed) for cell in self.cells]
        self._began: dict[int, float] = {}
        self._took: list[float] = []
        self._save()

    def begin(self, number: int, where: str = "") -> None:
        """Say that a cell begins, on the machine ``where`` if that is another one."""
        self._began[number] = time.monotonic()
        text = f"[{number + 1} of {len(self.cells)}] {self.cells[number].name}"
        text += f" on {where}" if where else ""
        if self._took:
            todo = sum(
                end.state in ("waiting", "running") and not cell.finished and cell.refused is None
                for cell, end in zip(self.cells, self.done, strict=True)
            )
            rest = todo * sum(self._took) / len(self._took) / self.at_once
            text += f", about {duration(rest)} left"
        self.observer.notice(text)
        self.change(number, state="running")

    def change(self, number: int, **changes: Any) -> None:
        """Note how a cell stands."""
        self.done[number] = replace(self.done[number], **changes)
        self._save()

    def end(self, number: int, **changes: Any) -> None:
        """Note how a cell ended; only a run that was done says how long one takes."""
        if changes["state"] == "finished" and number in self._began:
            self._took.append(time.monotonic() - self._began[number])
        self.change(number, **changes)
        if changes["state"] == "failed":
            self.observer.notice(f"{self.cells[number].name} failed: {changes['error']}")

    def stopped(self) -> None:
        """Note that the cells under way wait to go on, and say how."""
        for number, cell in enumerate(self.done):
            if cell.state == "running":
                self.change(number, state="waiting")
        self.observer.notice("stopped; the same command goes on with what is missing")

    def _save(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        write_json({"cells": [asdict(cell) for cell in self.done]}, self.out / CELLS)


def failures(done: Sequence[DoneCell]) -> Iterator[DoneCell]:
    """Yield the cells that failed."""
    return (cell for cell in done if cell.state == "failed")
