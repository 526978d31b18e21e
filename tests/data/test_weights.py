"""Weights of sources: how often rows are seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftcore.data.rows import Row, Source
from ftcore.data.sources import DataFile
from ftcore.data.weights import copies_of, source_weights
from ftcore.errors import DataError


def rows_of(make_row, file: str, count: int) -> list[Row]:
    made = [make_row(f"{file} {n}", "a", n) for n in range(1, count + 1)]
    return [Row(row.row_id, row.messages, Source(file, row.source.line)) for row in made]


def apply_weights(rows: list[Row], weights: dict[str, float], seed: int) -> list[Row]:
    return [copy for row in rows for copy in copies_of(row, weights, seed)]


def test_rows_are_repeated_and_thinned(make_row) -> None:
    rows = [*rows_of(make_row, "a", 400), *rows_of(make_row, "b", 400), *rows_of(make_row, "c", 4)]
    weighted = apply_weights(rows, {"a": 2.25, "b": 0.5}, seed=1)
    seen = {file: sum(row.source.file == file for row in weighted) for file in "abc"}
    assert 870 <= seen["a"] <= 930
    assert 170 <= seen["b"] <= 230
    assert seen["c"] == 4
    assert len({row.row_id for row in weighted}) == len(weighted)
    assert sum(row.row_id.endswith("+2") for row in weighted) == 400


def test_a_row_is_weighed_by_itself(make_row) -> None:
    rows = rows_of(make_row, "a", 50)
    all_ids = {row.row_id for row in apply_weights(rows, {"a": 0.5}, seed=1)}
    single = {row.row_id for one in rows for row in apply_weights([one], {"a": 0.5}, seed=1)}
    assert all_ids == single


def test_weights_by_file() -> None:
    files = [DataFile("a", Path("a"), 2.0), DataFile("b", Path("b")), DataFile("a", Path("a"), 2.0)]
    assert source_weights(files) == {"a": 2.0}
    with pytest.raises(DataError, match="a belongs to sources of different weights, 2 and 1"):
        source_weights([*files, DataFile("a", Path("a"))])
