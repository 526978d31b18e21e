"""Which part a row belongs to, decided by a hash of the row itself: other rows have no say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ftcore.data.rows import Row, content_id
from ftcore.errors import DataError


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """Shares of the held-out parts (0 to below 1), and what decides; see ``[data.split]``.

    A row's part depends on the hash of (seed, content), or of (seed, group value), alone: rows
    added later move no other row, and copies of one content stay together. The price: shares hold
    in expectation, not exactly (100 rows at 0.1 give 10 +- 3). ``stratify`` draws within each
    value of a field: every stratum has the same expected share, again not an exact one, since an
    exact share would need to know the other rows. Raises `DataError` for shares that leave
    nothing for training.
    """

    validation: float = 0.0
    test: float = 0.0
    group: str | None = None
    stratify: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise DataError(
                f"data.split: validation {self.validation:g} and test {self.test:g} leave nothing "
                "for training",
                code="data.split.shares",
            )

    def part_of(self, row: Row) -> str:
        """Return "train", "validation" or "test" for one row.

        Raises `DataError` with the row's place where it lacks the field that decides.
        """
        if not self.validation and not self.test:
            return "train"
        place = unit_hash("split", self.seed, self._key(row))
        if place < self.test:
            return "test"
        return "validation" if place < self.test + self.validation else "train"

    def _key(self, row: Row) -> str:
        stratum = f"{field_value(row, self.stratify)}\0" if self.stratify else ""
        if self.group:
            # The stratum must not pull rows of one group apart.
            return f"group\0{field_value(row, self.group)}"
        return f"row\0{stratum}{content_id(row)}"


def require_parts(options: SplitOptions, counts: Mapping[str, int]) -> None:
    """Raise `DataError` when a part came out empty although a share was asked for.

    ``counts`` are the rows of each part.
    """
    rows = sum(counts.values())
    shares = (("train", 1.0), ("validation", options.validation), ("test", options.test))
    for name, share in shares:
        if share and rows and not counts.get(name):
            raise DataError(
                f"data.split leaves the {name} part empty ({rows} rows, share {share:g})",
                hint="use a larger share, more rows, another data.split.seed, or separate files",
                code="data.split.empty",
            )


def limit_rows(rows: Sequence[Row], n: int | None, seed: int = 0) -> list[Row]:
    """Return the ``n`` rows that come first in hash order, in the order in which they came.

    A larger ``n`` takes the same rows and more; None takes all.
    """
    if n is None or n >= len(rows):
        return list(rows)
    keys = [(unit_hash("limit", seed, row.row_id), place) for place, row in enumerate(rows)]
    return [rows[place] for place in sorted(place for _, place in sorted(keys)[:n])]


def unit_hash(purpose: str, seed: int, key: str) -> float:
    """Return a number in [0, 1) from BLAKE2b of purpose, seed and key (53 bits)."""
    data = f"{purpose}\0{seed}\0{key}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
    return (number >> 11) / (1 << 53)


def field_value(row: Row, name: str) -> str:
    """Return a field as text; `DataError` with the row's place where it has none."""
    if row.fields.get(name) is None:
        raise DataError(
            f"{row.source}: the row has no field {name!r}, which data.split names",
            hint=f"fields of this row: {', '.join(map(repr, row.fields)) or 'none'}",
            code="data.split.field",
        )
    return str(row.fields[name])
