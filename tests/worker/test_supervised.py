"""Logits only where a label follows: the same loss and gradients, in the engines' environments."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftcore.cache import cache_dir
from ftcore.code_folder import code_folder
from ftcore.engine.observer import Observer
from ftcore.engine.place import place
from ftcore.plugins import load_plugins

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
SCRIPT = Path(__file__).with_name("narrowing.py")


@pytest.fixture(scope="session")
def narrowed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """A function that returns what a backend's environment has found; each is asked once."""
    kept: dict[str, dict[str, Any]] = {}

    def find(backend: str) -> dict[str, Any]:
        if backend not in kept:
            spec = load_plugins().backend(backend)
            environment = place(spec, "cpu", python=None, offline=False, observer=Observer())
            output = tmp_path_factory.mktemp(backend) / "found.json"
            code = code_folder(cache_dir(), spec.package)
            command = [environment.python, SCRIPT, code, output]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            kept[backend] = json.loads(output.read_text("utf-8"))
        return kept[backend]

    return find


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
