from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ftcore.evaluation.sql_compare import same_result

values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.binary(max_size=5),
)


def same(first: Any, second: Any, ordered: bool = False) -> bool:
    return same_result(first, second, ordered=ordered, tolerance=1e-6)


def test_order_counts_only_where_asked() -> None:
    first, second = [(1, "a"), (2, "b")], [(2, "b"), (1, "a")]
    assert same(first, second)
    assert not same(first, second, ordered=True)
    assert same(first, list(first), ordered=True)


def test_rows_count_as_often_as_they_come() -> None:
    assert not same([(1,), (1,), (2,)], [(1,), (2,), (2,)])
    assert not same([(1,), (1,)], [(1,)])


def test_numbers_are_equal_within_the_tolerance() -> None:
    assert same([(1,)], [(1.0,)])
    assert same([(0.1 + 0.2,)], [(0.3,)])
    assert same([(0.0,)], [(1e-12,)])
    assert not same([(1000.0,)], [(1000.1,)])
    assert same([(float("inf"),)], [(float("inf"),)])
    assert not same([(float("inf"),)], [(1e308,)])


def test_types_other_than_numbers_do_not_mix() -> None:
    assert not same([("1",)], [(1,)])
    assert not same([(None,)], [(0,)])
    assert not same([("a",)], [(b"a",)])
    assert not same([(1, 2)], [(1,)])
    assert same([], [])


def test_noise_in_the_last_digit_does_not_reorder() -> None:
    assert same([(0.3, 4), (0.1 + 0.2, 5)], [(0.3, 5), (0.1 + 0.2, 4)])


@given(st.lists(st.tuples(values, values), max_size=12), st.integers())
def test_any_order_of_the_same_rows_is_the_same(rows: list[Any], seed: int) -> None:
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    assert same(rows, shuffled)
    assert same(rows, rows, ordered=True)
