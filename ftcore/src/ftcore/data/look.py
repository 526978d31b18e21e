"""Looks at the rows of one part, one after the other; only digests and figures are held."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import numpy as np

from ftcore.data.account import LeftOut, Tally
from ftcore.data.check_report import CheckReport, Lengths, ProblemLog
from ftcore.data.cleaning import StepCount
from ftcore.data.languages import LanguageGuess
from ftcore.data.leakage import HeldOut, prompt_text
from ftcore.data.near_duplicates import NearIndex, row_text
from ftcore.data.portion import Portion
from ftcore.data.private import find_private
from ftcore.data.read import odd_characters
from ftcore.data.render_chunk import CHUNK_ROWS, Renderable, render_chunk
from ftcore.data.row_keys import first_with, prompt_key
from ftcore.data.rows import Row, content_id
from ftcore.data.scripts import main_script
from ftcore.data.weights import is_repeated
from ftcore.errors import Problem
from ftcore.rendering.renderer import Renderer


@dataclass(frozen=True, slots=True)
class LookFor:
    """What is looked for besides what always is.

    ``near`` is the similarity (0.5 to 1) from which on rows and prompts are nearly the same; None
    does not look for it. ``group`` is a field whose values must not be in two parts.
    """

    private: bool = True
    languages: bool = False
    near: float | None = None
    group: str | None = None


class PartLook:
    """Collects what is found in the rows of one part.

    ``prompts`` is the index of the training rows' prompts, shared by all parts, where such near
    ones are looked for.
    """

    def __init__(
        self,
        name: str,
        look_for: LookFor,
        renderer: Renderer | None,
        prompts: NearIndex | None,
        sink: IO[str] | None,
    ) -> None:
        self.problems, self.warnings = ProblemLog("problem", sink), ProblemLog("warning", sink)
        self.held_out = HeldOut(look_for.group, None if name == "train" else prompts)
        self._training = name == "train"
        self._look_for, self._renderer, self._prompts = look_for, renderer, prompts
        self._near = None if look_for.near is None else NearIndex(look_for.near)
        self._guess = LanguageGuess() if look_for.languages else None
        self._counts = {"duplicates": 0, "contradictions": 0, "private": 0}
        if self._near is not None:
            self._counts["near_duplicates"] = 0
        self._roles, self._scripts, self._languages = (Counter[str]() for _ in range(3))
        self._characters: array[int] = array("L")
        self._tokens: array[int] = array("L")
        self._asked: array[int] = array("Q")
        self._tally = Tally()
        self._waiting: list[Renderable] = []

    def at(self, row: Row, *, odd: bool = False) -> None:
        """Look at one row; ``odd`` looks for odd characters, which reading else warns of."""
        text = "\n".join(message.content for message in row.messages)
        self._characters.append(sum(len(message.content) for message in row.messages))
        self._roles.update(message.role for message in row.messages)
        self._scripts[main_script(text)] += 1
        if self._guess is not None:
            self._languages[self._guess.of(text)] += 1
        if not is_repeated(row):
            self._compare(row)
            what = find_private(text) if self._look_for.private else None
            if what:
                self._warn("private", _at(row), f"the row holds what looks like {what}", "check it")
            for warning in odd_characters(row) if odd else ():
                self.warnings.add(warning)
        self._render("train" if self._training else "held out", row)

    def left_out(self, item: LeftOut) -> None:
        """Account for a row that the recipe leaves out."""
        if self._renderer is not None:
            self._waiting.append(item.entry())

    def finish(self) -> None:
        """Render the rows that wait, and compare those of one prompt or content."""
        self._flush()
        content, asked = self.held_out.keys.content, np.frombuffer(self._asked, np.uint64)
        first = first_with(content)
        copies = first != np.arange(len(first))
        for number in np.flatnonzero(copies).tolist():
            what = f"the same row as {self._place(first[number])}"
            self._warn("duplicate", self._source(number), what, "remove one of them")
        first = first_with(asked)
        for number in np.flatnonzero((content[first] != content) & ~copies).tolist():
            what = f"another answer to the prompt of {self._place(first[number])}"
            self._warn("contradiction", self._source(number), what, "keep the right answer")

    def report(
        self, portion: Portion, counts: Mapping[str, int], shaping: list[StepCount]
    ) -> CheckReport:
        """Return everything that was seen; ``counts`` are those of reading."""
        rendered = self._renderer is not None
        return CheckReport(
            format=portion.format.name,
            why=portion.why,
            counts={**counts, "rows": len(self._characters), **self._counts},
            roles=dict(self._roles),
            scripts=dict(self._scripts.most_common()),
            languages=None if self._guess is None else dict(self._languages.most_common()),
            characters=Lengths.of(self._characters),
            tokens=Lengths.of(self._tokens) if rendered else None,
            account=self._tally if rendered else None,
            shaping=shaping,
            problems=self.problems.first,
            warnings=self.warnings.first,
            problem_count=self.problems.count,
            warning_count=self.warnings.count,
        )

    def _compare(self, row: Row) -> None:
        self.held_out.add(row)
        if self._training and self._prompts is not None:
            self._prompts.add(prompt_text(row), str(row.source))
        if self._near is not None and (
            near := self._near.find_or_add(row_text(row), str(row.source))
        ):
            what = f"nearly the same row as {near}"
            self._warn("near-duplicate", _at(row), what, "keep one")
        # A document has no prompt, so that two of them never contradict each other.
        content = int(content_id(row), 16)
        self._asked.append(content if row.is_document else prompt_key(row, with_system=True))

    def _render(self, part: str, row: Row) -> None:
        if self._renderer is not None:
            self._waiting.append((part, row))
            if len(self._waiting) == CHUNK_ROWS:
                self._flush()

    def _flush(self) -> None:
        if self._renderer is None or not self._waiting:
            return
        chunk = render_chunk(self._renderer, self._waiting)
        self._tally.merge(chunk.tally)
        for problem in chunk.broken:
            self.problems.add(problem)
        self._tokens.extend(json.loads(line)["tokens"] for line in chunk.lines)
        self._waiting = []

    def _warn(self, kind: str, source: tuple[str, int], what: str, fix: str) -> None:
        name = kind.replace("-", "_")
        self._counts[name if name in self._counts else f"{name}s"] += 1
        self.warnings.add(Problem(what, *source, None, fix, f"data.{kind}"))

    def _source(self, number: int) -> tuple[str, int]:
        return self.held_out.keys.place(number)

    def _place(self, number: int) -> str:
        file, line = self._source(number)
        return f"{file}:{line}"


def _at(row: Row) -> tuple[str, int]:
    return row.source.file, row.source.line
