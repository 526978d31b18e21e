"""ft's generator against transformers' ``generate``, in the engines' own environments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
SCRIPT = "generating.py"
GREEDY = (
    "greedy",
    "one row",
    "repetition penalty",
    "one token",
    "lora",
    "prompt tuning",
    "prefix tuning",
    "sliding window",
)


@pytest.fixture
def compared(found_by: Callable[[str, str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """A function that returns what a backend's environment has found."""
    return partial(found_by, SCRIPT)


@pytest.mark.parametrize("case", GREEDY)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_row_is_answered_as_alone(compared, backend: str, case: str):
    found = compared(backend)[case]
    assert found["equal"] == found["rows"] > 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_end_at_different_times(compared, backend: str):
    """Else nothing would have left a batch."""
    assert len(compared(backend)["greedy"]["lengths"]) > 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sampled_row_depends_on_its_seed_alone(compared, backend: str):
    found = compared(backend)["sampled"]
    assert found["equal"] == found["rows"]
    assert max(found["other_seed"], found["greedy"]) < found["rows"] / 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_sampling_that_leaves_one_token_is_greedy(compared, backend: str):
    found = compared(backend)["only the likeliest"]
    assert found["equal"] == found["rows"]
