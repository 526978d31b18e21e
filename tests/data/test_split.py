"""Splits, limits and weights depend on each row alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.data.rows import Row, Source, content_hash
from ftcore.data.split import SplitOptions, limit_rows, require_parts
from ftcore.data.weights import copies_of
from ftcore.errors import DataError
from ftcore.rendering.messages import Message

MakeRow = Callable[..., Row]


def rows_of(count: int, start: int = 0) -> list[Row]:
    rows = []
    for number in range(start, start + count):
        messages = (Message("user", f"q{number}"), Message("assistant", "a"))
        fields = {"group": f"g{number % 17}", "kind": "odd" if number % 2 else "even"}
        rows.append(Row(content_hash(messages), messages, Source("f.jsonl", number + 1), fields))
    return rows


@dataclass
class Split:
    train: list[Row] = field(default_factory=list)
    validation: list[Row] = field(default_factory=list)
    test: list[Row] = field(default_factory=list)


def split_rows(rows: list[Row], **options: Any) -> Split:
    split, chosen = Split(), SplitOptions(**options)
    for row in rows:
        getattr(split, chosen.part_of(row)).append(row)
    return split


def weighted(rows: list[Row], weights: dict[str, float]) -> list[Row]:
    return [copy for row in rows for copy in copies_of(row, weights)]


def parts_of(split: Split) -> dict[str, str]:
    return {
        row.row_id: name for name in ("train", "validation", "test") for row in getattr(split, name)
    }


@given(st.sets(st.integers(0, 400), min_size=60), st.sets(st.integers(0, 400)), st.integers(0, 9))
def test_rows_added_move_no_other_row(first: set[int], second: set[int], seed: int) -> None:
    everything = rows_of(401)
    options = SplitOptions(validation=0.2, test=0.2, seed=seed)
    small = {everything[n].row_id: options.part_of(everything[n]) for n in first}
    large = {everything[n].row_id: options.part_of(everything[n]) for n in first | second}
    assert {row_id: large[row_id] for row_id in small} == small


def test_shares_hold_in_expectation_and_no_row_is_lost() -> None:
    rows = rows_of(4000)
    split = split_rows(rows, validation=0.15, test=0.15, seed=3)
    assert sorted(parts_of(split)) == sorted(row.row_id for row in rows)
    assert abs(len(split.validation) / 4000 - 0.15) < 0.02
    assert abs(len(split.test) / 4000 - 0.15) < 0.02
    assert [row.source.line for row in split.train] == sorted(r.source.line for r in split.train)


def test_the_split_is_pinned() -> None:
    split = split_rows(rows_of(20), validation=0.2, test=0.0, seed=0)
    assert [row.source.line for row in split.validation] == [1, 2]


def test_another_seed_gives_another_split_and_test_does_not_follow_validation() -> None:
    rows = rows_of(300)
    one = split_rows(rows, validation=0.1, test=0.1, seed=0)
    two = split_rows(rows, validation=0.1, test=0.1, seed=1)
    three = split_rows(rows, validation=0.3, test=0.1, seed=0)
    assert one.test != two.test
    assert one.test == three.test
    assert set(map(id, one.validation)) <= set(map(id, three.validation))


def test_groups_and_copies_stay_together(make_row: MakeRow) -> None:
    split = split_rows(rows_of(200), validation=0.3, test=0.2, group="group", seed=5)
    groups = [{row.fields["group"] for row in part} for part in (split.train, split.test)]
    assert not groups[0] & groups[1]
    row = make_row("q", "a")
    copy = Row(f"{row.row_id}-2", row.messages, row.source)
    options = SplitOptions(validation=0.5)
    assert options.part_of(row) == options.part_of(copy)


def test_every_stratum_has_its_share() -> None:
    split = split_rows(rows_of(4000), validation=0.2, test=0.0, stratify="kind", seed=1)
    kinds = Counter(row.fields["kind"] for row in split.validation)
    assert abs(kinds["odd"] / 2000 - 0.2) < 0.03
    assert abs(kinds["even"] / 2000 - 0.2) < 0.03


def test_what_cannot_be_split() -> None:
    rows = rows_of(5)
    with pytest.raises(DataError, match="leave nothing for training"):
        split_rows(rows, validation=0.5, test=0.5)
    with pytest.raises(DataError, match=r"f\.jsonl:1: the row has no field 'database'") as caught:
        split_rows(rows, validation=0.5, test=0.0, group="database")
    assert "'group', 'kind'" in str(caught.value.hint)
    with pytest.raises(DataError, match="leaves the validation part empty"):
        require_parts(SplitOptions(validation=0.001), {"train": 5})
    require_parts(SplitOptions(validation=0.2), {"train": 4, "validation": 1})


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_larger_limit_takes_the_same_rows_and_more(one: int, two: int) -> None:
    rows = rows_of(50)
    small, large = (limit_rows(rows, n) for n in sorted((one, two)))
    assert len(small) == min(one, two)
    assert {row.row_id for row in small} <= {row.row_id for row in large}
    assert limit_rows(rows, None) == rows


def test_weights_repeat_and_thin() -> None:
    rows = rows_of(1000)
    heavy = weighted(rows, {"f.jsonl": 2.25})
    assert abs(len(heavy) / 1000 - 2.25) < 0.06
    assert len({row.row_id for row in heavy}) == len(heavy)
    assert [row.row_id for row in heavy[:2]] == [rows[0].row_id, f"{rows[0].row_id}+2"]
    assert abs(len(weighted(rows, {"f.jsonl": 0.5})) / 1000 - 0.5) < 0.06
    assert weighted(rows, {"other.jsonl": 3.0}) == rows
