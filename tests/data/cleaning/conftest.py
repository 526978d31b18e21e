"""Runs one step, or several, over a few rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ftcore.data.account import LeftOut
from ftcore.data.cleaning import Quoting, StepCount, choose_steps
from ftcore.data.cleaning import clean as run_clean
from ftcore.data.rows import Row


@dataclass
class Cleaned:
    """The rows that are left, those that are not, and the counts of each step."""

    rows: list[Row] = field(default_factory=list)
    removed: list[LeftOut] = field(default_factory=list)
    counts: list[StepCount] = field(default_factory=list)


Clean = Callable[..., Cleaned]


@pytest.fixture
def clean(tmp_path: Path) -> Clean:
    """A function from rows and ``(name, options)`` pairs to what is left; files in tmp_path."""

    def run(
        rows: Sequence[Row],
        *asked: tuple[str, dict[str, Any]],
        seed: int = 0,
        quoting: Quoting | None = None,
    ) -> Cleaned:
        done, steps = Cleaned(), choose_steps(asked)
        given = [("train", row) for row in rows]
        items = run_clean(given, steps, done.counts, seed=seed, base=tmp_path, quoting=quoting)
        for item in items:
            if isinstance(item, LeftOut):
                done.removed.append(item)
            else:
                done.rows.append(item[1])
        return done

    return run
