"""Whether two SQL results say the same: by multiset or in order, numbers within a tolerance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ftcore.evaluation.sql_runner import Row


def same_result(
    predicted: Sequence[Row], expected: Sequence[Row], *, ordered: bool, tolerance: float
) -> bool:
    """Return whether both results hold the same rows, in the same order where ``ordered``.

    Columns count by position, their names do not. Two numbers are equal within the relative
    ``tolerance`` (absolute near 0), an integer may equal a float; text equals text exactly.
    """
    if len(predicted) != len(expected):
        return False
    if not ordered:
        # Sorted by rounded numbers, so that noise in the last digits cannot change the order.
        predicted = sorted(predicted, key=_sort_key)
        expected = sorted(expected, key=_sort_key)
    return all(_same_row(a, b, tolerance) for a, b in zip(predicted, expected, strict=True))


def _same_row(first: Row, second: Row, tolerance: float) -> bool:
    return len(first) == len(second) and all(
        _same_value(a, b, tolerance) for a, b in zip(first, second, strict=True)
    )


def _same_value(first: Any, second: Any, tolerance: float) -> bool:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return first == second or math.isclose(
            first, second, rel_tol=tolerance, abs_tol=tolerance * 1e-3
        )
    return type(first) is type(second) and bool(first == second)


def _sort_key(row: Row) -> tuple[tuple[int, Any], ...]:
    return tuple(_value_key(value) for value in row)


def _value_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, int | float):
        return (1, float(f"{value:.6g}"))
    return (2, value) if isinstance(value, str) else (3, value)
