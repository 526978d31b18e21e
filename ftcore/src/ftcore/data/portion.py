"""Some files of a recipe with the format of their rows: what one key of ``[data]`` names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftcore.data.cleaning import Quoting
from ftcore.data.files import iter_file
from ftcore.data.formats import Format, FormatOptions
from ftcore.data.read import (
    DETECT_FROM,
    KEPT_PROBLEMS,
    ReadReport,
    Refused,
    RowReader,
    make_reader,
    no_rows,
    problems_error,
    read_all,
    rows_of,
)
from ftcore.data.rows import Row
from ftcore.data.sources import COMPRESSIONS, DataFile, SourceSpec, find_files
from ftcore.errors import Problem

UNPACKED = 5  # times the size of a compressed file, about


@dataclass(frozen=True, slots=True)
class Portion:
    """The rows of ``part`` ("train", "validation", ...): files, format, and why this format."""

    part: str
    files: tuple[DataFile, ...]
    format: Format
    options: FormatOptions
    why: str

    @property
    def holds_documents(self) -> bool:
        """Whether the rows are plain texts to continue from."""
        return self.format.name == "text"

    @property
    def quoting(self) -> Quoting | None:
        """How cleaning keeps answers that quote the prompt in agreement with it."""
        return Quoting(self.format, self.options) if self.format.quotes else None

    @property
    def bytes(self) -> int:
        """How large the files are, roughly, unpacked."""
        return sum(
            file.path.stat().st_size * (UNPACKED if file.path.suffix in COMPRESSIONS else 1)
            for file in self.files
        )

    def reader(self) -> RowReader:
        """Return a reader that has counted nothing yet."""
        return RowReader(self.format, self.options)

    def rows(self, reader: RowReader) -> Iterator[Row | Refused]:
        """Yield a row or a refusal for every record, copies of one content numbered."""
        return rows_of(self.files, reader)

    def read(self) -> ReadReport:
        """Read all rows into memory."""
        return read_all(self.files, self.reader(), self.why)

    def sound_rows(self, reader: RowReader | None = None) -> Iterator[Row]:
        """Yield the rows; none once a record is refused.

        Raises one `DataError` at the end where records were refused, or where there is no row.
        """
        reader = reader or self.reader()
        problems: list[Problem] = []
        for item in self.rows(reader):
            if isinstance(item, Refused):
                problems.extend([item.problem][: KEPT_PROBLEMS - len(problems)])
            elif not problems:
                yield item
        self.require(reader.counts, problems)

    def require(self, counts: Mapping[str, int], problems: Sequence[Problem]) -> None:
        """Raise `DataError` with the first of ``problems``, or where no row was counted."""
        if problems:
            raise problems_error(problems, counts["refused"], counts["records"])
        if not counts["rows"]:
            raise no_rows(self.files)

    def begins_well(self) -> bool:
        """Whether the first records of each file are rows: a quick look before hard work."""
        reader = self.reader()
        for file in self.files:
            for found in itertools.islice(iter_file(file), DETECT_FROM):
                if isinstance(reader.convert(found, file.name), Refused):
                    return False
        return True


def open_portion(
    part: str,
    sources: str | Sequence[SourceSpec],
    *,
    base: Path,
    format: str,
    options: FormatOptions,
) -> Portion:
    """Find the files of ``sources`` and decide their format.

    Raises `DataError` when a source is missing or the format is unknown or undecided.
    """
    files = find_files(sources, base=base)
    reader, why = make_reader(files, format=format, options=options)
    return Portion(part, tuple(files), reader.format, options, why)
