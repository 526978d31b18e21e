"""Weighted sources: how often the rows of each file are seen per epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ftcore.data.rows import Row
from ftcore.data.split import unit_hash


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
