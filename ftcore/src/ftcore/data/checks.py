"""``ft data check``: one pass over the data, everything that is odd about it in one report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ftcore.data.account import Tally
from ftcore.data.formats import FormatOptions
from ftcore.data.languages import LanguageGuess
from ftcore.data.leakage import Leakage, TrainingIndex, prompt_key
from ftcore.data.near_duplicates import NearIndex, row_text
from ftcore.data.private import find_private
from ftcore.data.read import Refused, RowReader, iter_rows, make_reader, read_rows
from ftcore.data.render_chunk import CHUNK_ROWS, render_chunk
from ftcore.data.rows import Row
from ftcore.data.scripts import main_script
from ftcore.data.sources import SourceSpec, find_files
from ftcore.data.split import content_id
from ftcore.data.write import ESCAPE
from ftcore.errors import GateFailed, Problem
from ftcore.rendering.renderer import Renderer

SHOWN_PROBLEMS = 20


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


@dataclass(slots=True)
class CheckReport:
    """What the check found.

    ``problems`` refuse their row; ``warnings`` (duplicates, contradictions, odd characters,
    leakage, secrets) do not. ``counts`` holds records, rows, refused, blank_lines, duplicates,
    contradictions and the like. ``tokens`` and ``account`` are there when a renderer was given,
    ``languages`` and ``near_duplicates`` when they were asked for.
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
    leakage: Leakage | None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every record became a row."""
        return not self.problems

    def require(self) -> None:
        """Raise `GateFailed` with the first problems unless the data is in order."""
        if self.problems:
            raise GateFailed(
                f"{len(self.problems)} records cannot be used",
                code="data.check",
                problems=self.problems[:SHOWN_PROBLEMS],
                details={"problems": len(self.problems)},
            )

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {**asdict(self), "ok": self.ok}

    def write_problems(self, path: Path) -> None:
        """Write every problem and warning to ``path``, one JSON object per line."""
        with path.open("w", encoding="utf-8", errors=ESCAPE) as out:
            for level, items in (("problem", self.problems), ("warning", self.warnings)):
                for item in items:
                    line = json.dumps({"level": level, **asdict(item)}, ensure_ascii=False)
                    out.write(line + "\n")


def check(
    sources: str | Sequence[SourceSpec],
    *,
    base: Path,
    format: str = "auto",
    options: FormatOptions | None = None,
    renderer: Renderer | None = None,
    test: str | Sequence[SourceSpec] | None = None,
    test_format: str | None = None,
    group: str | None = None,
    look_for_private: bool = True,
    look_for_languages: bool = False,
    near: float | None = None,
) -> CheckReport:
    """Stream all rows of ``sources`` through every check; only digests and figures are held.

    With ``renderer``, lengths in tokens and what would be cut or dropped are reported as well;
    with ``test``, leakage from the training rows, by ``group`` (a field) too. ``near`` is the
    similarity (0.5 to 1) from which on rows and prompts are nearly the same; None does not look
    for it. Raises `DataError` for what `read_rows` raises it for, and when a library for what is
    asked for is missing.
    """
    options = options or FormatOptions()
    held_out = (
        None
        if test is None
        else read_rows(test, base=base, format=test_format or format, options=options)
    )
    reader, why = make_reader(find_files(sources, base=base), format=format, options=options)
    look = _Look(
        renderer,
        private=look_for_private,
        languages=LanguageGuess() if look_for_languages else None,
        near=None if near is None else NearIndex(near),
        index=None if held_out is None else TrainingIndex(group, near),
    )
    for item in iter_rows(sources, base=base, format=format, options=options, reader=reader):
        if isinstance(item, Refused):
            look.problems.append(item.problem)
        else:
            look.at(item)
    look.flush()
    leakage = None
    if held_out is not None and look.index is not None:
        look.problems.extend(held_out.problems)
        leakage = look.index.find(held_out.rows)
    return look.report(reader, why, leakage)


class _Look:
    """Collects figures row by row."""

    def __init__(
        self,
        renderer: Renderer | None,
        *,
        private: bool,
        languages: LanguageGuess | None,
        near: NearIndex | None,
        index: TrainingIndex | None,
    ) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.counts = {"duplicates": 0, "contradictions": 0, "private": 0}
        if near is not None:
            self.counts["near_duplicates"] = 0
        self.languages: Counter[str] = Counter()
        self.roles: Counter[str] = Counter()
        self.scripts: Counter[str] = Counter()
        self.characters: list[int] = []
        self.tokens: list[int] = []
        self.tally = Tally()
        self.index = index
        self._renderer = renderer
        self._private, self._guess, self._near = private, languages, near
        self._first: dict[str, str] = {}
        self._answers: dict[bytes, tuple[str, str]] = {}
        self._waiting: list[tuple[str, Row]] = []

    def at(self, row: Row) -> None:
        """Look at one row."""
        text = "\n".join(message.content for message in row.messages)
        self.characters.append(sum(len(message.content) for message in row.messages))
        self.roles.update(message.role for message in row.messages)
        self.scripts[main_script(text)] += 1
        if self._guess is not None:
            self.languages[self._guess.of(text)] += 1
        self._compare(row)
        what = find_private(text) if self._private else None
        if what:
            self.counts["private"] += 1
            self._warn(row, f"the row holds what looks like {what}", "data.private", "check it")
        if self.index is not None:
            self.index.add(row)
        if self._renderer is not None:
            self._waiting.append(("train", row))
            if len(self._waiting) == CHUNK_ROWS:
                self.flush()

    def report(self, reader: RowReader, why: str, leakage: Leakage | None) -> CheckReport:
        """Return everything that was seen."""
        names = ("records", "rows", "refused", "blank_lines")
        rendered = self._renderer is not None
        return CheckReport(
            format=reader.format.name,
            why=why,
            counts={**{name: reader.counts[name] for name in names}, **self.counts},
            roles=dict(self.roles),
            scripts=dict(self.scripts.most_common()),
            languages=None if self._guess is None else dict(self.languages.most_common()),
            characters=Lengths.of(self.characters),
            tokens=Lengths.of(self.tokens) if rendered else None,
            account=self.tally if rendered else None,
            leakage=leakage,
            problems=self.problems,
            warnings=[*reader.warnings, *self.warnings, *(leakage.problems if leakage else ())],
        )

    def flush(self) -> None:
        """Render the rows that wait for it."""
        if self._renderer is None or not self._waiting:
            return
        chunk = render_chunk(self._renderer, self._waiting)
        self.tally.merge(chunk.tally)
        self.problems.extend(chunk.broken)
        self.tokens.extend(json.loads(line)["tokens"] for line in chunk.lines)
        self._waiting = []

    def _compare(self, row: Row) -> None:
        content = content_id(row)
        first = self._first.setdefault(content, str(row.source))
        if first != str(row.source):
            self.counts["duplicates"] += 1
            self._warn(row, f"the same row as {first}", "data.duplicate", "remove one of them")
            return
        if self._near is not None and (
            near := self._near.find_or_add(row_text(row), str(row.source))
        ):
            self.counts["near_duplicates"] += 1
            self._warn(row, f"nearly the same row as {near}", "data.near-duplicate", "keep one")
        if row.is_document:
            return
        key = prompt_key(row, with_system=True)
        answer, place = self._answers.setdefault(key, (content, str(row.source)))
        if answer != content:
            self.counts["contradictions"] += 1
            what = f"another answer to the prompt of {place}"
            self._warn(row, what, "data.contradiction", "keep the right answer")

    def _warn(self, row: Row, what: str, code: str, fix: str) -> None:
        source = row.source
        self.warnings.append(Problem(what, source.file, source.line, None, fix, code))
