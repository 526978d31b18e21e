"""Runs cleaning steps over rows, one row after the other, and counts what each step did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftcore.data.account import Item, LeftOut
from ftcore.data.cleaning.base import Quoting, Removed, Step, StepContext
from ftcore.data.formats.base import RowProblem
from ftcore.data.rows import CopyNumbers, Row, content_hash, content_id
from ftcore.data.structure import check_structure
from ftcore.errors import DataError


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


def clean(
    items: Iterable[Item],
    steps: Sequence[ChosenStep],
    counts: list[StepCount],
    *,
    seed: int = 0,
    base: Path = Path(),
    quoting: Quoting | None = None,
) -> Iterator[Item]:
    """Pass the training rows among ``items`` through ``steps``, holding none of them.

    What a step did stands in ``counts`` once the last row is through. A row that a step leaves
    without the shape of a conversation (a blank answer, say) is removed by that step. Rows get the
    id of their new content, copies numbered anew. Raises `DataError` for what a step cannot work
    with.
    """
    passed = iter(items)
    for chosen in steps:
        step = chosen.step(chosen.options, StepContext(seed, chosen.place, base, quoting))
        count = StepCount(chosen.step.name)
        counts.append(count)
        passed = _run(passed, step, count)
    return _numbered(passed) if steps else passed


def _run(items: Iterable[Item], step: Step, count: StepCount) -> Iterator[Item]:
    for item in items:
        if isinstance(item, LeftOut) or item[0] != "train":
            yield item
            continue
        part, row = item
        count.rows += 1
        outcome = _checked(row, step.row(row), step)
        if isinstance(outcome, Removed):
            count.removed += 1
            yield LeftOut(row, count.name, outcome.why)
            continue
        count.changed += outcome[0] is not row
        count.added += len(outcome) - 1
        for made in outcome:
            yield part, made
    count.note = step.note()


def _checked(row: Row, outcome: Sequence[Row] | Removed, step: Step) -> Sequence[Row] | Removed:
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
        _require_agreement(item, step)
        checked.append(replace(item, row_id=content_hash(item.messages)))
    return checked


def _require_agreement(row: Row, step: Step) -> None:
    quoting = step.context.quoting
    if quoting is not None and not quoting.agrees(row):
        raise DataError(
            f"{row.source}: the step {step.name} changes the prompt or the answer alone, and the "
            f"answers of {quoting.format.name} rows quote the prompt",
            hint="leave the step out, or let it change rows through context.quoting",
            code="data.clean.quotes",
        )


def _numbered(items: Iterable[Item]) -> Iterator[Item]:
    """Number the copies of one content anew: rows may have become equal."""
    copies = CopyNumbers()
    for item in items:
        if isinstance(item, LeftOut) or item[0] != "train":
            yield item
        else:
            part, row = item
            plain = row if len(row.row_id) == 16 else replace(row, row_id=content_id(row))
            yield part, copies.numbered(plain)
