"""Scripts that look at something in the engines' own environments."""

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
from ftcore.protocol import write_message
from tests.conftest import make_settings


@pytest.fixture(scope="session")
def found_by(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], dict[str, Any]]:
    """A function that returns what a script found in a backend's environment.

    It is started as ``SCRIPT CODE OUTPUT SETTINGS``, once.
    """
    kept: dict[tuple[str, str], dict[str, Any]] = {}

    def find(script: str, backend: str) -> dict[str, Any]:
        if (script, backend) not in kept:
            spec = load_plugins().backend(backend)
            environment = place(spec, "cpu", python=None, offline=False, observer=Observer())
            output = tmp_path_factory.mktemp(backend) / "found.json"
            settings = output.with_name("settings.json")
            write_message(make_settings(), settings)
            code = code_folder(cache_dir(), spec.package)
            command = [environment.python, Path(__file__).with_name(script), code, output, settings]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            kept[script, backend] = json.loads(output.read_text("utf-8"))
        return kept[script, backend]

    return find
