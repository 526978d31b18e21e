"""ft's generator against transformers' ``generate``, in the engines' own environments."""

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
SCRIPT = Path(__file__).with_name("generating.py")
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


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """A function that returns what a backend's environment has found; each is asked once."""
    kept: dict[str, dict[str, Any]] = {}

    def compare(backend: str) -> dict[str, Any]:
        if backend not in kept:
            spec = load_plugins().backend(backend)
            environment = place(spec, "cpu", python=None, offline=False, observer=Observer())
            output = tmp_path_factory.mktemp(backend) / "found.json"
            code = code_folder(cache_dir(), spec.package)
            command = [environment.python, SCRIPT, code, output]
            subprocess.run(command, check=True, capture_output=True)
            kept[backend] = json.loads(output.read_text("utf-8"))
        return kept[backend]

    return compare


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
