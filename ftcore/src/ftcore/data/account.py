"""The row account: every row kept, cut or dropped, with the reason and the place it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ftcore.data.rows import Row
from ftcore.errors import DataError, Problem

Status = Literal["kept", "cut", "dropped"]
STATUSES: tuple[Status, ...] = ("kept", "cut", "dropped")
SHOWN_LOST = 20
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one row.

    ``tokens``, ``supervised`` and ``boundary`` are counts of tokens; ``boundary`` tokens straddle
    header and answer and are not learnt. ``reason`` is a stable word and ``detail`` a sentence;
    both are None for kept rows.
    """

    row_id: str
    part: str
    source: str
    status: Status
    reason: str | None
    detail: str | None
    tokens: int
    supervised: int
    boundary: int

    def to_line(self) -> str:
        """Return the entry as one line of ``rows.jsonl``; the row id comes first."""
        return _encode({name: getattr(self, name) for name in self.__slots__})

    def to_problem(self) -> Problem:
        """Return a lost row as a problem at its place."""
        file, _, line = self.source.rpartition(":")
        what = f"{self.status}, {self.reason}: {self.detail}"
        return Problem(what, file=file, line=int(line), code=f"data.{self.reason}")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A training row that the recipe asks to leave out: the step's name, and why in a sentence."""

    row: Row
    reason: str
    detail: str

    def entry(self) -> Entry:
        """Return the row's entry; it was never rendered, so it has no tokens."""
        row = self.row
        place = (row.row_id, "train", str(row.source))
        return Entry(*place, "dropped", self.reason, self.detail, 0, 0, 0)


# A row on its way into a part, or one that the recipe takes out.
Item = tuple[str, Row] | LeftOut


@dataclass(slots=True)
class Tally:
    """Counts per part and status, per reason, and the first lost rows; tallies add up.

    ``asked`` counts, per part, the dropped rows that the recipe itself asked to leave out
    (cleaning steps, weights, a limit); they are among the dropped ones but need no consent.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    lost: list[Entry] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)

    def open_part(self, part: str) -> dict[str, int]:
        """Make the part known, also when it has no row, and return its counts."""
        return self.counts.setdefault(part, dict.fromkeys(STATUSES, 0))

    def add(self, entry: Entry) -> None:
        """Count one entry."""
        self._count(entry)
        if entry.status != "kept" and len(self.lost) < SHOWN_LOST:
            self.lost.append(entry)

    def add_asked(self, entry: Entry) -> None:
        """Count the entry of a row that the recipe asked to leave out."""
        self._count(entry)
        self.asked[entry.part] = self.asked.get(entry.part, 0) + 1

    def merge(self, other: Tally) -> None:
        """Add what ``other`` counted."""
        for part, counts in other.counts.items():
            mine = self.open_part(part)
            for status, count in counts.items():
                mine[status] += count
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        for part, count in other.asked.items():
            self.asked[part] = self.asked.get(part, 0) + count
        self.lost.extend(other.lost[: SHOWN_LOST - len(self.lost)])

    def to_json(self) -> dict[str, Any]:
        """Return the tally as plain data."""
        return asdict(self)

    def _count(self, entry: Entry) -> None:
        self.open_part(entry.part)[entry.status] += 1
        if entry.status != "kept":
            reason = entry.reason or "unknown"
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        """Rebuild a tally from `to_json`."""
        lost = [Entry(**entry) for entry in data["lost"]]
        return cls(data["counts"], data["reasons"], lost, data.get("asked", {}))


@dataclass(frozen=True, slots=True)
class RowAccount:
    """The tally, and the file that has every row.

    For each part, kept + cut + dropped is the number of rows that went in.
    """

    path: Path
    tally: Tally

    def count(self, part: str, status: Status) -> int:
        """Return how many rows of a part ended so."""
        return self.tally.counts.get(part, {}).get(status, 0)

    def total(self, part: str) -> int:
        """Return how many rows of a part went in."""
        return sum(self.count(part, status) for status in STATUSES)

    def lost_share(self, part: str) -> float:
        """Return the share of a part's rows that were cut or dropped without being asked for."""
        total = self.total(part) - self.tally.asked.get(part, 0)
        return (total - self.count(part, "kept")) / total if total else 0.0

    def entries(self) -> Iterator[Entry]:
        """Yield every entry, in the order in which the rows were rendered."""
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                yield Entry(**json.loads(line))

    def write_jsonl(self, path: Path) -> None:
        """Write every entry to ``path``, one per line."""
        with path.open("w", encoding="utf-8", errors="backslashreplace") as out:
            for entry in self.entries():
                out.write(entry.to_line() + "\n")

    def require(self, allow_lost: float) -> None:
        """Raise `DataError` when more than ``allow_lost`` of a part was cut or dropped.

        The consent is ``data.allow_lost`` in the recipe.
        """
        for part in self.tally.counts:
            if self.lost_share(part) > allow_lost:
                raise self._too_many(part, allow_lost)

    def _too_many(self, part: str, allow_lost: float) -> DataError:
        share, total = self.lost_share(part), self.total(part) - self.tally.asked.get(part, 0)
        lost = total - self.count(part, "kept")
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.tally.reasons.items())
        return DataError(
            f"{lost} of {total} {part} rows ({share:.2%}) were cut or dropped ({reasons}); "
            f"data.allow_lost permits {allow_lost:.2%}",
            hint="raise data.max_length or shorten the rows; to accept the loss, set "
            f"data.allow_lost = {_rounded_up(share)}",
            code="data.allow-lost",
            problems=[entry.to_problem() for entry in self.tally.lost if entry.part == part],
            details={"lost": lost, "total": total, "reasons": self.tally.reasons},
        )


def _rounded_up(share: float) -> str:
    return f"{min(1.0, int(share * 100) / 100 + 0.01):g}"
