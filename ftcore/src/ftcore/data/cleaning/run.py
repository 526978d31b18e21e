"""Runs cleaning steps over rows, one after the other, and counts what each of them did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ftcore.data.account import LeftOut
from ftcore.data.cleaning.base import Removed, Step, StepContext
from ftcore.data.formats.base import RowProblem
from ftcore.data.read import number_copy
from ftcore.data.rows import Row, content_hash
from ftcore.data.structure import check_structure


@dataclass(frozen=True, slots=True)
class ChosenStep:
    """A step as a recipe asks for it; ``place`` is its number in ``data.clean``, from 0."""

    place: int
    step: type[Step]
    options: Any


@dataclass(slots=True)
class StepCount:
    """What one step did: rows that went in, were changed, removed or added."""

    name: str
    rows: int = 0
    changed: int = 0
    removed: int = 0
    added: int = 0
    note: str | None = None

    def __str__(self) -> str:
        """Return the counts in one line."""
        counts = [
            f"{number:,} {what}"
            for what in ("changed", "removed", "added")
            if (number := getattr(self, what))
        ]
        text = f"{self.name}: {', '.join(counts) or 'nothing to do'} ({self.rows:,} rows)"
        return f"{text}; {self.note}" if self.note else text


@dataclass(slots=True)
class Cleaned:
    """The rows that are left, those that are not, and the counts of each step."""

    rows: list[Row]
    removed: list[LeftOut] = field(default_factory=list)
    counts: list[StepCount] = field(default_factory=list)


def run_steps(
    rows: Sequence[Row], steps: Sequence[ChosenStep], *, seed: int = 0, base: Path = Path()
) -> Cleaned:
    """Run ``steps`` in order over ``rows``.

    A row that a step leaves without the shape of a conversation (a blank answer, say) is removed
    by that step. Rows get the id of their new content, copies numbered anew. Raises `DataError`
    for what a step cannot work with.
    """
    result = Cleaned(list(rows))
    for chosen in steps:
        step = chosen.step(chosen.options, StepContext(seed, chosen.place, base))
        count = StepCount(chosen.step.name)
        kept: list[Row] = []
        for row in result.rows:
            count.rows += 1
            outcome = _checked(row, step.row(row))
            if isinstance(outcome, Removed):
                count.removed += 1
                result.removed.append(LeftOut(row, count.name, outcome.why))
                continue
            count.changed += outcome[0] is not row
            count.added += len(outcome) - 1
            kept.extend(outcome)
        count.note = step.note()
        result.rows = kept
        result.counts.append(count)
    if steps:
        seen: dict[str, int] = {}
        result.rows = [number_copy(_renamed(row), seen) for row in result.rows]
    return result


def _checked(row: Row, outcome: Sequence[Row] | Removed) -> Sequence[Row] | Removed:
    """Refuse what is no conversation any more; give changed rows the id of their content.

    An added row that is none is not added.
    """
    if isinstance(outcome, Removed) or (len(outcome) == 1 and outcome[0] is row):
        return outcome
    checked = []
    for number, item in enumerate(outcome):
        if item is row:
            checked.append(item)
            continue
        try:
            check_structure(item.messages, document=row.is_document)
        except RowProblem as problem:
            if number:
                continue
            return Removed(f"the step left {problem.field}: {problem.message}")
        checked.append(replace(item, row_id=content_hash(item.messages)))
    return checked


def _renamed(row: Row) -> Row:
    """Return the row without the number of its copy."""
    return row if len(row.row_id) == 16 else replace(row, row_id=row.row_id[:16])
