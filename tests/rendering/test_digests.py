from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.rendering.digests import batch_digest, row_digest

INT32 = st.integers(-(2**31), 2**31 - 1)
ROWS = st.lists(st.tuples(INT32, INT32), min_size=1, max_size=12)


def of(row: list[tuple[int, int]]) -> bytes:
    return row_digest([token for token, _ in row], [label for _, label in row])


@given(row=ROWS, other=ROWS)
def test_rows_have_one_digest_exactly_if_they_are_equal(row, other) -> None:
    assert (of(row) == of(other)) is (row == other)


@given(row=ROWS, place=st.integers(0, 99), column=st.integers(0, 1), delta=st.integers(1, 9))
def test_any_changed_number_changes_the_digest(row, place, column, delta) -> None:
    place %= len(row)
    changed = list(row[place])
    changed[column] = (changed[column] + delta + 2**31) % 2**32 - 2**31
    other = [*row[:place], tuple(changed), *row[place + 1 :]]
    assert of(row) != of(other)


def test_arrays_of_any_integer_type_and_lists_agree() -> None:
    ids, labels = [1, 2, 3], [-100, 2, 3]
    digest = row_digest(ids, labels)
    assert len(digest) == 16
    for kind in (np.int32, np.int64, ">i4"):
        assert row_digest(np.array(ids, dtype=kind), np.array(labels, dtype=kind)) == digest


def test_a_known_value_stays() -> None:
    assert row_digest([1, 2], [-100, 2]).hex() == "d857942757c5d6f43eafa5a0638cf3a7"
    assert (
        batch_digest(0, 1, 2, [row_digest([1, 2], [-100, 2])]) == "4a5fde0ad25d5789045880ddee07c58a"
    )


def test_ids_and_labels_of_one_length() -> None:
    with pytest.raises(ValueError, match="2 ids but 1 labels"):
        row_digest([1, 2], [1])


def test_place_order_and_number_of_rows_count() -> None:
    one, two = row_digest([1], [1]), row_digest([2], [2])
    digests = {
        batch_digest(0, 0, 0, [one, two]),
        batch_digest(0, 0, 0, [two, one]),
        batch_digest(0, 0, 0, [one]),
        batch_digest(0, 0, 0, []),
        batch_digest(1, 0, 0, [one, two]),
        batch_digest(0, 1, 0, [one, two]),
        batch_digest(0, 0, 1, [one, two]),
    }
    assert len(digests) == 7
