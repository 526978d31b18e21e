"""The toy backend several times over, compared."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ftcore
from ftcore.comparison_result import ComparisonResult

TWINS = """
from dataclasses import replace
from ft_toy import plugin
from ftcore.backends import Capability
from ftcore.hookspecs import hookimpl

@hookimpl
def ft_backends():
    (toy,) = plugin.ft_backends()
    yield replace(toy, name="twin")
    yield replace(toy, name="crashes", trainer="ft_toy.misbehaving:Raises")
    no = {**toy.capabilities, "train.weight_decay": Capability("unsupported", "has none")}
    yield replace(toy, name="without", capabilities=no)
"""


@pytest.fixture
def compare(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ComparisonResult]:
    """A function that compares toys (``toy``, ``twin``, ``crashes``) in this very Python."""
    site = tmp_path / "compared"
    about = site / "ft_compared-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "compared_toys.py").write_text(TWINS, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ft-compared\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[ft]\ncompared = compared_toys\n")
    monkeypatch.syspath_prepend(site)

    def run(*targets: object, **options: Any) -> ComparisonResult:
        given = {"python": "current", "runs": toy.runs, "progress": toy.heard, "parity": False}
        if not targets:
            targets = (toy.recipe,)
        return ftcore.compare(*targets, **{**given, **options})  # type: ignore[arg-type]

    yield run
    sys.modules.pop("compared_toys", None)
