"""Weighted sources: how often the rows of each file are seen per epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ftcore.data.rows import Row
from ftcore.data.sources import DataFile
from ftcore.data.split import unit_hash
from ftcore.errors import DataError

WEIGHT_MARK = "+"  # in the ids of rows that a weight repeats


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


def copies_of(row: Row, weights: Mapping[str, float], seed: int = 0) -> list[Row]:
    """Return a training row as often as the weight of its file says; maybe not at all.

    A row of weight 2.25 is there twice, and a third time for the quarter of the rows whose hash
    (of seed and row id) falls below 0.25; weight 0.5 keeps the half whose hash falls below 0.5.
    Copies get the suffix ``+2``, ``+3``, ... to their row id.
    """
    weight = weights.get(row.source.file, 1.0)
    count = int(weight)
    count += unit_hash("weight", seed, row.row_id) < weight - count
    return [
        row if number == 1 else replace(row, row_id=f"{row.row_id}{WEIGHT_MARK}{number}")
        for number in range(1, count + 1)
    ]


def is_repeated(row: Row) -> bool:
    """Whether the row is there again only because of its source's weight."""
    return WEIGHT_MARK in row.row_id
