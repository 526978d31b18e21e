"""From sources to rows: every record ends as a row or as a problem with its place."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftcore.data.files import Found, iter_file
from ftcore.data.formats import Format, FormatOptions, RowProblem, detect_format, get_format
from ftcore.data.formats.base import rename_columns
from ftcore.data.rows import CopyNumbers, Row, Source, content_hash
from ftcore.data.sources import DataFile, SourceSpec, find_files
from ftcore.data.structure import ODD_CHARACTERS, check_characters, check_structure
from ftcore.data.weights import source_weights
from ftcore.errors import DataError, Problem

DETECT_FROM = 100  # records that `auto` looks at
SHOWN_PROBLEMS = 20
KEPT_PROBLEMS = 10_000  # beyond these only their number is known


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What reading found.

    ``counts`` holds ``records`` (= ``rows`` + ``refused``), ``rows``, ``refused``,
    ``blank_lines``, ``files`` and ``warnings``. ``problems`` refuse their record; ``warnings`` do
    not. ``why`` says why the format was taken. ``weights`` has the sources whose weight is not 1,
    by file name.
    """

    rows: list[Row]
    problems: list[Problem]
    counts: dict[str, int]
    format: str
    why: str
    warnings: list[Problem] = field(default_factory=list)
    files: tuple[DataFile, ...] = ()

    @property
    def weights(self) -> dict[str, float]:
        """Return the weight of each file that has one other than 1; see `source_weights`."""
        return source_weights(self.files)


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that became no row, and why."""

    problem: Problem


@dataclass(slots=True)
class RowReader:
    """Turns records into rows; keeps no row, so that any number of them can pass through.

    ``counts`` is filled on the way; ``warnings`` too.
    """

    format: Format
    options: FormatOptions
    counts: Counter[str] = field(default_factory=Counter)
    warnings: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.format.prepare(self.options)

    def convert(self, found: Found, name: str) -> Row | Refused | None:
        """Return the row of a record (its id not yet made unique), its problem, or None."""
        if found.blank:
            self.counts["blank_lines"] += 1
            return None
        self.counts["records"] += 1
        if found.record is None:
            assert found.problem is not None
            return self._refuse(found.problem)
        try:
            messages, fields = self.format.read(
                rename_columns(found.record, self.options.columns), self.options
            )
            check_structure(messages, document=self.format.name == "text")
            odd = check_characters(messages)
        except RowProblem as problem:
            return self._refuse(self._problem(problem, name, found.line))
        except RecursionError:
            deep = RowProblem("", "nested too deeply", "flatten the record")
            return self._refuse(self._problem(deep, name, found.line))
        for where, what, fix in odd:
            self.warn(Problem(what, name, found.line, where, fix, ODD_CHARACTERS))
        self.counts["rows"] += 1
        return Row(content_hash(messages), messages, Source(name, found.line), fields)

    def take_warnings(self) -> list[Problem]:
        """Return the warnings since the last time."""
        taken, self.warnings = self.warnings, []
        return taken

    def warn(self, warning: Problem) -> None:
        """Note what is odd but refuses nothing."""
        self.counts["warnings"] += 1
        self.warnings.append(warning)

    def _refuse(self, problem: Problem) -> Refused:
        self.counts["refused"] += 1
        return Refused(problem)

    def _problem(self, problem: RowProblem, name: str, line: int) -> Problem:
        head, dot, rest = problem.field.partition(".")
        shown = f"{self.options.columns.get(head, head)}{dot}{rest}"
        return Problem(problem.message, name, line, shown or None, problem.fix, "data.row")


def iter_rows(
    sources: str | Sequence[SourceSpec],
    *,
    base: Path,
    format: str,
    options: FormatOptions,
    reader: RowReader | None = None,
) -> Iterator[Row | Refused]:
    """Yield a `Row` or a `Refused` for every record, holding none of them.

    Row ids are unique: later copies of one content get ``-2``, ``-3``, ...  Pass ``reader`` (see
    `make_reader`) to see its counts and warnings afterwards.
    """
    files = find_files(sources, base=base)
    if reader is None:
        reader, _ = make_reader(files, format=format, options=options)
    yield from rows_of(files, reader)


def rows_of(files: Sequence[DataFile], reader: RowReader) -> Iterator[Row | Refused]:
    """Yield a `Row` or a `Refused` for every record of ``files``; see `iter_rows`."""
    copies = CopyNumbers()
    for file in files:
        before = reader.counts["records"]
        for found in iter_file(file):
            item = reader.convert(found, file.name)
            if isinstance(item, Row):
                yield copies.numbered(item)
            elif item is not None:
                yield item
        if reader.counts["records"] == before:
            reader.warn(empty_file(file.name))


def read_rows(
    sources: str | Sequence[SourceSpec],
    *,
    base: Path,
    format: str,
    options: FormatOptions,
) -> ReadReport:
    """Read every record of ``sources``.

    Raises `DataError` when a source is missing or the format is unknown or undecided; what is
    wrong with single records is in the report (see `require`).
    """
    files = find_files(sources, base=base)
    reader, why = make_reader(files, format=format, options=options)
    return read_all(files, reader, why)


def read_all(files: Sequence[DataFile], reader: RowReader, why: str) -> ReadReport:
    """Read every record of ``files``; see `read_rows`."""
    rows: list[Row] = []
    problems: list[Problem] = []
    for item in rows_of(files, reader):
        if isinstance(item, Row):
            rows.append(item)
        else:
            problems.append(item.problem)
    counts = {
        name: reader.counts[name]
        for name in ("records", "rows", "refused", "blank_lines", "warnings")
    }
    counts["files"] = len(files)
    return ReadReport(
        rows, problems, counts, reader.format.name, why, reader.warnings, tuple(files)
    )


def make_reader(
    files: Sequence[DataFile], *, format: str, options: FormatOptions
) -> tuple[RowReader, str]:
    """Return the reader for ``files`` and why it was taken; ``auto`` looks at the first records."""
    if format != "auto":
        return RowReader(get_format(format), options), "set in the recipe"
    records: list[Any] = []
    for file in files:
        found = (item.record for item in iter_file(file) if item.record is not None)
        records.extend(itertools.islice(found, DETECT_FROM))
    if not records:
        raise _nothing_readable(files)
    name, why = detect_format([rename_columns(record, options.columns) for record in records])
    return RowReader(get_format(name), options), why


def odd_characters(row: Row) -> list[Problem]:
    """Return a warning where a row holds odd characters, such as control characters."""
    source = row.source
    return [
        Problem(what, source.file, source.line, where, fix, ODD_CHARACTERS)
        for where, what, fix in check_characters(row.messages)[:1]
    ]


def empty_file(name: str) -> Problem:
    """Return the warning for a file without any record: one of many would go unnoticed."""
    return Problem("the file holds no record", name, code="data.file-empty")


def require(report: ReadReport) -> list[Row]:
    """Return the rows; one `DataError` with the problems if there are any, or if no row is left."""
    if report.problems:
        raise problems_error(report.problems, report.counts["refused"], report.counts["records"])
    if not report.rows:
        raise no_rows(report.files)
    return report.rows


def no_rows(files: Sequence[DataFile]) -> DataError:
    """Return the error for files that hold no row at all."""
    names = ", ".join(file.name for file in files)
    return DataError("the data has no row", hint=f"looked in {names}", code="data.empty")


def problems_error(problems: Sequence[Problem], refused: int, records: int) -> DataError:
    """Return one error with the first problems and the number of the others."""
    rest = refused - SHOWN_PROBLEMS
    more = f" (the first {SHOWN_PROBLEMS} are shown, {rest} more are not)" if rest > 0 else ""
    return DataError(
        f"{refused} of {records} records cannot be used{more}",
        hint="mend or remove them; `ft data check` lists all of them",
        code="data.rows",
        problems=problems[:SHOWN_PROBLEMS],
        details={"problems": refused, "records": records},
    )


def _nothing_readable(files: Sequence[DataFile]) -> DataError:
    found = (item.problem for file in files for item in iter_file(file) if item.problem)
    problems = list(itertools.islice(found, SHOWN_PROBLEMS))
    return DataError(
        "no record could be read from " + ", ".join(file.name for file in files),
        code="data.empty",
        problems=problems,
    )
