"""What `ft data check` found in one part, and the log that every problem goes through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Literal

import numpy as np

from ftcore.data.account import Tally
from ftcore.data.cleaning import StepCount
from ftcore.data.leakage import Leakage
from ftcore.errors import GateFailed, Problem

SHOWN_PROBLEMS = 20
KEPT_PROBLEMS = 1000  # of each part and level; the log has all


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the rows are: smallest, median, 95th percentile, largest, and the sum."""

    smallest: int
    median: float
    p95: float
    largest: int
    total: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Lengths:
        """Return the figures of ``values``; zeros where there are none."""
        if not values:
            return cls(0, 0.0, 0.0, 0, 0)
        array = np.asarray(values)
        median, p95 = np.percentile(array, (50, 95))
        return cls(int(array.min()), float(median), float(p95), int(array.max()), int(array.sum()))


class ProblemLog:
    """Problems of one level: the first ones are kept, all are counted and written to ``sink``."""

    def __init__(self, level: Literal["problem", "warning"], sink: IO[str] | None) -> None:
        self.first: list[Problem] = []
        self.count = 0
        self._level, self._sink = level, sink

    def add(self, problem: Problem) -> None:
        """Take in one problem."""
        self.count += 1
        if len(self.first) < KEPT_PROBLEMS:
            self.first.append(problem)
        if self._sink is not None:
            line = json.dumps({"level": self._level, **asdict(problem)}, ensure_ascii=False)
            self._sink.write(line + "\n")


@dataclass(slots=True)
class CheckReport:
    """What the check found in the rows of one part.

    ``problems`` refuse their row; ``warnings`` (duplicates, contradictions, odd characters,
    leakage, secrets) do not; both hold the first ones, their counts count all. ``counts`` holds
    records, rows, refused, blank_lines, duplicates, contradictions and the like. ``tokens`` and
    ``account`` are there when a renderer was given, ``languages`` and ``near_duplicates`` when they
    were asked for, ``leakage`` for held-out parts; ``shaping`` says what cleaning, weights and the
    limit did to the training rows before they were looked at.
    """

    format: str
    why: str
    counts: dict[str, int]
    roles: dict[str, int]
    scripts: dict[str, int]
    languages: dict[str, int] | None
    characters: Lengths
    tokens: Lengths | None
    account: Tally | None
    leakage: Leakage | None = None
    shaping: list[StepCount] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    warning_count: int = 0

    @property
    def ok(self) -> bool:
        """Whether every record became a row."""
        return not self.problem_count

    def require(self) -> None:
        """Raise `GateFailed` with the first problems unless the data is in order."""
        if self.problems:
            raise GateFailed(
                f"{self.problem_count} records cannot be used",
                code="data.check",
                problems=self.problems[:SHOWN_PROBLEMS],
                details={"problems": self.problem_count},
            )

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        data = asdict(self)
        if self.leakage is not None:
            del data["leakage"]["problems"]  # they are among the warnings
        return {**data, "ok": self.ok}
