"""Engines installed beside ft, in versions that exclude each other, are in nobody's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.heavy

# Each is found before the one that the worker needs, and cannot be imported.
INSTALLED = ("torch", "transformers", "peft", "trl", "swift", "llamafactory", "accelerate")


@pytest.mark.parametrize("backend", ["trl", "swift", "llamafactory"])
def test_other_versions_beside_ft(
    cells: Callable[..., Any], backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in INSTALLED:
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text(f"raise ImportError('the wrong {name}')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    cell = cells(backend, "train.max_steps=2", "data.test=[]", "export.formats=[]")
    assert cell.done.folder.manifest().state == "finished"
    assert len(cell.values("loss")) == 2
