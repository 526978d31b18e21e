"""The pool keeps order, passes expected errors on, and notices a process that dies."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import partial

import pytest

from ftcore.data.render_pool import run_parallel
from ftcore.errors import MachineError


def test_order_and_laziness() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(40):
            taken.append(number)
            yield number

    results = run_parallel(math.factorial, numbers(), 2)
    assert next(results) == 1
    assert len(taken) < 10
    assert list(results) == [math.factorial(number) for number in range(1, 40)]


def test_a_consumer_that_stops_early_leaves_no_process() -> None:
    results = run_parallel(math.factorial, iter(range(1000)), 2)
    assert next(results) == 1
    results.close()  # type: ignore[attr-defined]


def test_a_bug_in_a_task_is_shown() -> None:
    with pytest.raises(RuntimeError, match="cannot be interpreted"):
        list(run_parallel(math.factorial, ["x"], 1))


def test_a_dead_process_is_noticed() -> None:
    with pytest.raises(MachineError, match="a rendering process died"):
        list(run_parallel(partial(os._exit), [7], 1))
