"""Runs one step, or several, over a few rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ftcore.data.cleaning import Cleaned, choose_steps, run_steps
from ftcore.data.rows import Row

Clean = Callable[..., Cleaned]


@pytest.fixture
def clean(tmp_path: Path) -> Clean:
    """A function from rows and ``(name, options)`` pairs to what is left; files in tmp_path."""

    def run(rows: Sequence[Row], *asked: tuple[str, dict[str, Any]], seed: int = 0) -> Cleaned:
        return run_steps(rows, choose_steps(asked), seed=seed, base=tmp_path)

    return run
