"""Weighted sources: how often the rows of each file are seen per epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ftcore.data.rows import Row
from ftcore.data.sources import DataFile
from ftcore.data.split import unit_hash
from ftcore.errors import DataError


def source_weights(files: Iterable[DataFile]) -> dict[str, float]:
    """Return the weight of each file that has one other than 1.

    Raises `DataError` for a file that two sources name with different weights.
    """
    weights: dict[str, float] = {}
    for file in files:
        if weights.setdefault(file.name, file.weight) != file.weight:
            raise DataError(
                f"{file.name} belongs to sources of different weights, "
                f"{weights[file.name]:g} and {file.weight:g}",
                hint="name each file in one source only",
                code="data.weights",
            )
    return {name: weight for name, weight in weights.items() if weight != 1.0}


def apply_weights(rows: Sequence[Row], weights: Mapping[str, float], seed: int = 0) -> list[Row]:
    """Repeat or thin the training rows of each file by its weight.

    A row of weight 2.25 is there twice, and a third time for the quarter of the rows whose hash
    (of seed and row id) falls below 0.25; weight 0.5 keeps the half whose hash falls below 0.5.
    Copies get the suffix ``+2``, ``+3``, ... to their row id. Apply it to the training part only,
    after splitting.
    """
    result: list[Row] = []
    for row in rows:
        weight = weights.get(row.source.file, 1.0)
        copies = int(weight)
        copies += unit_hash("weight", seed, row.row_id) < weight - copies
        for copy in range(1, copies + 1):
            name = row.row_id if copy == 1 else f"{row.row_id}+{copy}"
            result.append(row if copy == 1 else Row(name, row.messages, row.source, row.fields))
    return result
