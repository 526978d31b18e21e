"""The toy backend several times over: as it is, and with a mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ftcore
from ftcore.results import ParityResult

TWINS = """
from dataclasses import replace
from ft_toy import plugin
from ftcore.hookspecs import hookimpl

TRAINERS = {
    "twin": "ft_toy.worker:ToyTrainer",
    "other_labels": "ft_toy.misbehaving:OtherLabels",
    "stops_early": "ft_toy.misbehaving:StopsEarly",
    "crashes": "ft_toy.misbehaving:Raises",
}

@hookimpl
def ft_backends():
    (toy,) = plugin.ft_backends()
    for name, trainer in TRAINERS.items():
        yield replace(toy, name=name, trainer=trainer)
"""


@pytest.fixture
def check(toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ParityResult]:
    """A function that certifies toys (``twin``, ``other_labels``, ...) in this very Python."""
    site = tmp_path / "twins"
    about = site / "ft_twins-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "twins.py").write_text(TWINS, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ft-twins\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[ft]\ntwins = twins\n")
    monkeypatch.syspath_prepend(site)

    def run(*backends: str, **options: Any) -> ParityResult:
        given = {"python": "current", "runs": toy.runs, "progress": toy.heard, "steps": 3}
        return ftcore.parity(toy.recipe, backends=backends, **{**given, **options})

    yield run
    import sys

    sys.modules.pop("twins", None)
