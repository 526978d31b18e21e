"""Logits only where a label follows: the same loss and gradients, in the engines' environments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
SCRIPT = "narrowing.py"


@pytest.fixture
def narrowed(found_by: Callable[[str, str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """A function that returns what a backend's environment has found."""
    return partial(found_by, SCRIPT)


@pytest.mark.parametrize("backend", BACKENDS)
def test_loss_and_gradients_are_those_of_all_logits(narrowed, backend: str):
    found = narrowed(backend)["losses"]
    assert found["batches"] > 20
    assert found["left_out"] > 100
    assert found["loss"] < 1e-5
    assert found["gradient"] < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_receipts_would_notice_a_label_left_out(narrowed, backend: str):
    """What a loss consumed is put back into labels, which the receipts digest."""
    found = narrowed(backend)["round trips"]
    assert found["back"] == found["batches"] == 300
    assert found["noticed"] == found["short"] > 100


@pytest.mark.parametrize("backend", BACKENDS)
def test_who_may_leave_logits_out(narrowed, backend: str):
    assert narrowed(backend)["able"] == {
        "plain": True,
        "adapter": True,
        "older": False,
        "virtual tokens": False,
        "the engine's loss": False,
    }
