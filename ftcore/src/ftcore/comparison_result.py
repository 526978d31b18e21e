"""What `ftcore.compare` returns: typed, with tables that a notebook renders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.comparison.certificate import Certificate
from ftcore.comparison.pairwise import Pair, Ranking
from ftcore.comparison.seeds import SeedMean
from ftcore.comparison.spread import Spread
from ftcore.display.facts import Facts, text_grid
from ftcore.engine.compare.cells import Cell
from ftcore.engine.compare.compare import Compared
from ftcore.engine.compare.progress import DoneCell
from ftcore.report.compare_data import Comparison
from ftcore.report.compare_tables import costs_grid, metrics_grid, pairs_grid
from ftcore.report.compare_words import notes, verdict
from ftcore.report.grid import Grid
from ftcore.report.numbers import duration
from ftcore.results import Records


@dataclass(frozen=True, slots=True)
class DisagreementRow:
    """A test row on which variants differ.

    ``shares`` is the share of each variant's seeds that are right, or the mean of the main metric
    on the row where nothing says what is right; ``answers`` those of each variant's first seed.
    """

    row_id: str
    question: str
    reference: str
    shares: Mapping[str, float]
    answers: Mapping[str, str | None]

    def cells(self) -> Mapping[str, str]:
        """Return the row as texts by column."""
        answers = {
            f"{name} ({share:.2g})": self.answers.get(name) or ""
            for name, share in self.shares.items()
        }
        return {"question": self.question, "reference": self.reference, **answers}


@dataclass(frozen=True)
class ComparisonResult:
    """A comparison: its folder, its report, and what came out.

    ``cells`` says how each planned run ended, empty where stored runs were compared;
    ``comparison`` has all figures.
    """

    comparison: Comparison
    folder: Path
    report_path: Path
    cells: tuple[DoneCell, ...] = ()

    @classmethod
    def of(cls, done: Compared) -> ComparisonResult:
        """Return the result of what the engine room did."""
        return cls(done.comparison, done.folder, done.page, done.cells)

    @property
    def verdict(self) -> str:
        """What the comparison comes to, in a sentence or two."""
        return verdict(self.comparison)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before believing the figures; runs that failed come first."""
        return tuple(notes(self.comparison))

    @property
    def metrics(self) -> Mapping[str, Mapping[str, SeedMean]]:
        """Variant -> metric -> its mean over the seeds, interval and spread."""
        return self.comparison.means

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every pair of variants by every metric."""
        return self.comparison.pairs

    @property
    def ranking(self) -> Ranking | None:
        """What order the main metric supports; None where it has no better direction."""
        return self.comparison.ranking

    @property
    def spread(self) -> Spread:
        """Where the spread of the main metric comes from: seeds, variants, rows."""
        return self.comparison.spread

    @property
    def certificate(self) -> Certificate | None:
        """The parity certificate, where backends of one recipe were compared."""
        return self.comparison.certificate

    @property
    def failed(self) -> tuple[DoneCell, ...]:
        """The runs that did not come to their end."""
        return tuple(cell for cell in self.cells if cell.state == "failed")

    def grid(self) -> Grid:
        """Return the metrics of every variant as a table of texts."""
        return metrics_grid(self.comparison)

    def differences(self) -> Grid:
        """Return the pairs by the main metric as a table of texts."""
        return pairs_grid(self.comparison, main=True)

    def costs(self) -> Grid:
        """Return time, speed, memory and size as a table of texts."""
        return costs_grid(self.comparison)

    def disagreements(self) -> Records[DisagreementRow]:
        """Return the test rows on which variants differ, those that differ most first."""
        return Records(list(_disagreements(self.comparison)))

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "folder": str(self.folder),
            "report": str(self.report_path),
            "ok": not self.failed,
            "verdict": self.verdict,
            "cells": [
                {name: getattr(cell, name) for name in DoneCell.__slots__} for cell in self.cells
            ],
            **self.comparison.to_json(),
        }

    def _repr_html_(self) -> str:
        said = (("verdict", self.verdict), *(("note", note) for note in self.notes))
        lines = Facts.of((*said, ("report", self.report_path)))
        grids = [self.grid()]
        grids += [self.differences()] if len(self.comparison.variants) > 1 else []
        return "".join(grid.to_html() for grid in (*grids, self.costs())) + lines.to_html()


def _disagreements(comparison: Comparison) -> Iterator[DisagreementRow]:
    answered = {variant.name: variant.runs[0].rows() for variant in comparison.variants}
    first = next(iter(answered.values()))
    for row in comparison.disagreements.rows:
        line = first.get(row.row_id, {})
        asked = [turn["content"] for turn in line.get("prompt", ()) if turn["role"] == "user"]
        answers = {
            name: rows.get(row.row_id, {}).get("answers", {}).get("after")
            for name, rows in answered.items()
        }
        question, reference = asked[-1] if asked else "", line.get("reference", "")
        yield DisagreementRow(row.row_id, question, reference, row.shares, answers)


class ComparisonPlan:
    """The runs that a comparison needs, and which of them are there."""

    def __init__(self, cells: list[Cell]) -> None:
        self.cells = tuple(cells)

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def missing(self) -> tuple[Cell, ...]:
        """The runs that are to be done."""
        return tuple(cell for cell in self.cells if not cell.finished and cell.refused is None)

    def grid(self) -> Grid:
        """Return one row a run."""
        titles = ("Variant", "Seed", "Run")
        return text_grid(titles, ((c.choice.name, c.seed, _state(c)) for c in self.cells))

    def words(self) -> str:
        """Return how many runs are to be done, and about how long their training takes."""
        missing = self.missing
        if not missing:
            return "every run is there already"
        seconds = sum(cell.seconds for cell in missing)
        return (
            f"{len(missing)} of {len(self)} runs are to be done; their training alone takes about "
            f"{duration(seconds)}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {
            "cells": [
                {
                    "variant": cell.choice.name,
                    "seed": cell.seed,
                    "settings": dict(cell.choice.settings),
                    "stored": str(cell.finished[0].path) if cell.finished else None,
                    "goes_on": str(cell.unfinished[0].path) if cell.unfinished else None,
                    "refused": cell.refused,
                    "expected_train_seconds": cell.seconds,
                }
                for cell in self.cells
            ]
        }

    def __str__(self) -> str:
        return f"{self.grid().to_text()}\n{self.words()}"

    def _repr_html_(self) -> str:
        return self.grid().to_html() + f"<p>{self.words()}</p>"


def _state(cell: Cell) -> str:
    if cell.refused is not None:
        return f"would be refused: {cell.refused}"
    if cell.finished:
        return f"there: {cell.finished[0].path.name}"
    if cell.unfinished:
        return f"goes on: {cell.unfinished[0].path.name}"
    return f"to be done, training about {duration(cell.seconds)}"
