"""``ft data check``: one pass over the data, everything that is odd about it in one report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ftcore.data.account import LeftOut
from ftcore.data.check_report import SHOWN_PROBLEMS, CheckReport, Lengths
from ftcore.data.formats import FormatOptions
from ftcore.data.look import LookFor, PartLook
from ftcore.data.near_duplicates import NearIndex
from ftcore.data.portion import Portion, open_portion
from ftcore.data.read import Refused, RowReader
from ftcore.data.rows import Row
from ftcore.data.shape import Shaper, Shaping
from ftcore.data.sources import SourceSpec
from ftcore.data.structure import ODD_CHARACTERS
from ftcore.errors import DataError, Problem
from ftcore.rendering.renderer import Renderer

__all__ = ["SHOWN_PROBLEMS", "CheckReport", "Inspected", "Lengths", "LookFor", "check", "inspect"]

PARTS = ("train", "validation", "test")


@dataclass(slots=True)
class Inspected:
    """The report of each part, and the test rows."""

    parts: dict[str, CheckReport]
    test: list[Row] = field(default_factory=list)


def inspect(
    portions: Mapping[str, Portion],
    look_for: LookFor | None = None,
    *,
    shaping: Shaping | None = None,
    renderer: Renderer | None = None,
    sink: IO[str] | None = None,
) -> Inspected:
    """Stream all rows through every check, as training would see them.

    ``portions`` are those called train, validation and test; the rows of the first are shaped
    before they are looked at, so that each part has also what is split off for it. With
    ``renderer``, lengths in tokens and what would be cut or dropped are reported as well. Every
    problem and warning is written to ``sink``, one JSON object a line. Raises `DataError` when a
    library for what is asked for is missing, or a cleaning step cannot work.
    """
    return _Inspection(portions, look_for or LookFor(), shaping or Shaping(), renderer, sink).run()


def check(
    sources: str | Sequence[SourceSpec],
    *,
    base: Path,
    format: str = "auto",
    options: FormatOptions | None = None,
    renderer: Renderer | None = None,
    test: str | Sequence[SourceSpec] | None = None,
    test_format: str | None = None,
    look_for: LookFor | None = None,
    sink: IO[str] | None = None,
) -> CheckReport:
    """Check rows without a recipe, and whether those of ``test`` leak from them; see `inspect`.

    The report is that of ``sources``, with the problems of ``test`` and the leakage added. Raises
    `DataError` also when a source is missing or its format undecided.
    """
    given = options or FormatOptions()
    portions = {"train": open_portion("train", sources, base=base, format=format, options=given)}
    if test is not None:
        kind = test_format or format
        portions["test"] = open_portion("test", test, base=base, format=kind, options=given)
    found = inspect(portions, look_for, renderer=renderer, sink=sink)
    report = found.parts["train"]
    if test is not None:
        held_out = found.parts["test"]
        leakage = report.leakage = held_out.leakage
        report.problems += held_out.problems
        report.problem_count += held_out.problem_count
        if leakage is not None:
            report.warnings += leakage.problems
            report.warning_count += len(leakage.problems)
    return report


class _Inspection:
    """One pass over the portions."""

    def __init__(
        self,
        portions: Mapping[str, Portion],
        look_for: LookFor,
        shaping: Shaping,
        renderer: Renderer | None,
        sink: IO[str] | None,
    ) -> None:
        self._portions, self._shaping = portions, shaping
        self._readers = {name: portion.reader() for name, portion in portions.items()}
        self._shaper = Shaper(shaping, portions["train"].quoting)
        split = shaping.split
        shares = {"validation": split.validation, "test": split.test}
        names = [name for name in PARTS if name in portions or shares.get(name)]
        prompts = None
        if look_for.near is not None and len(names) > 1:
            prompts = NearIndex(look_for.near)
        self._looks = {name: PartLook(name, look_for, renderer, prompts, sink) for name in names}
        self._test: list[Row] = []

    def run(self) -> Inspected:
        """Look at every row, then at the rows of each part together."""
        self._read_train()
        for name in self._portions:
            if name != "train":
                for row in self._rows(name):
                    self._look(name, row)
        train = self._looks["train"].held_out.keys
        reports = {}
        for name, look in self._looks.items():
            look.finish()
            leakage = None if name == "train" else look.held_out.leakage(train)
            for problem in leakage.problems if leakage else ():
                look.warnings.add(problem)
            reports[name] = self._report(name, look)
            reports[name].leakage = leakage
        return Inspected(reports, self._test)

    def _read_train(self) -> None:
        try:
            for item in self._shaper.run(self._rows("train")):
                if isinstance(item, LeftOut):
                    self._looks["train"].left_out(item)
                else:
                    self._look(*item, odd=self._rechecks("train"))
        except DataError as error:
            if not str(error.code).startswith("data.split"):
                raise
            problem = Problem(error.message, fix=error.hint, code=error.code)
            self._looks["train"].problems.add(problem)

    def _look(self, part: str, row: Row, *, odd: bool = False) -> None:
        self._looks[part].at(row, odd=odd)
        if part == "test":
            self._test.append(row)

    def _rows(self, name: str) -> Iterator[Row]:
        look, reader = self._looks[name], self._readers[name]
        for item in self._portions[name].rows(reader):
            if isinstance(item, Refused):
                look.problems.add(item.problem)
            self._take_warnings(name, reader)
            if isinstance(item, Row):
                yield item
        self._take_warnings(name, reader)

    def _take_warnings(self, name: str, reader: RowReader) -> None:
        for warning in reader.take_warnings():
            if warning.code != ODD_CHARACTERS or not self._rechecks(name):
                self._looks[name].warnings.add(warning)

    def _rechecks(self, name: str) -> bool:
        """Whether odd characters are looked for after cleaning rather than in the files."""
        return name == "train" and bool(self._shaping.steps)

    def _report(self, name: str, look: PartLook) -> CheckReport:
        own = self._portions.get(name)
        counts = {}
        if own is not None:
            read = self._readers[name].counts
            counts = {key: read[key] for key in ("records", "rows", "refused", "blank_lines")}
        shaping = self._shaper.counts if name == "train" else []
        return look.report(own or self._portions["train"], counts, shaping)
