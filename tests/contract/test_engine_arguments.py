"""The listings of the engines' own arguments, held against the engines."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from ftcore.plugins import load_plugins

pytestmark = pytest.mark.heavy

SCRIPT = Path(__file__).parents[2] / "scripts" / "engine_options.py"


@pytest.mark.parametrize("backend", ["trl", "swift", "llamafactory"])
def test_the_listing_is_what_the_engine_says(backend: str):
    found = importlib.util.spec_from_file_location("engine_options_script", SCRIPT)
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    spec = load_plugins().backend(backend)
    assert spec.options is not None
    assert script.listing(spec) == spec.options.listing.read_text("utf-8")
