"""Records of tables: CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

from ftcore.data.files import Found
from ftcore.data.sources import DataFile
from ftcore.errors import Problem

_ESCAPED = re.compile("[\udc80-\udcff]")
BATCH = 1024
FIELD_LIMIT = 1 << 27  # bytes of one cell; the csv module's own limit of 128 KiB is too small


def iter_csv(stream: IO[bytes], name: str, delimiter: str) -> Iterator[Found]:
    """Yield one record per table row, with the line on which it begins.

    The first row names the columns; an empty cell stays an empty text. A row with too many or too
    few cells is a problem.
    """
    head = stream.read(4)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield Found(1, problem=_problem(name, 1, "the file is UTF-16, not UTF-8", _UTF8))
        return
    csv.field_size_limit(FIELD_LIMIT)
    text = _as_text(_Joined(head.removeprefix(b"\xef\xbb\xbf"), stream))
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what = f"the table breaks here: {error}; nothing behind it was read"
            yield Found(line, problem=_problem(name, line, what, "check the quotes"))
            return
        if not cells:
            yield Found(line, blank=True)
            continue
        problem = _check_row(cells, header, name, line, delimiter)
        if problem:
            yield Found(line, problem=problem)
            if header is None:
                return
        elif header is None:
            header = cells
        else:
            yield Found(line, record=dict(zip(header, cells, strict=True)))


def iter_parquet(file: DataFile) -> Iterator[Found]:
    """Yield one record per table row; ``line`` is the row's number from 1."""
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

    number = 0
    try:
        with pq.ParquetFile(file.path) as table:
            twice = _repeated(table.schema_arrow.names)
            if twice:
                yield Found(1, problem=_problem(file.name, 1, twice, "rename one"))
                return
            for batch in table.iter_batches(batch_size=BATCH):
                for record in batch.to_pylist():
                    number += 1
                    yield Found(number, record=_plain(record))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        what = f"the Parquet file cannot be read from here: {error}"
        yield Found(
            number + 1, problem=_problem(file.name, number + 1, what, "write the file again")
        )


def _plain(value: Any) -> Any:
    """Return a value as JSON would write it: dates and decimals as text, bytes as hex digits."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)


_UTF8 = "save the file as UTF-8"


def _as_text(stream: _Joined) -> io.TextIOWrapper:
    # Bytes that are not UTF-8 become lone surrogates, so that only their row is refused.
    buffered = io.BufferedReader(stream)  # type: ignore[type-var]
    return io.TextIOWrapper(buffered, encoding="utf-8", errors="surrogateescape", newline="")


def _check_row(
    cells: list[str], header: list[str] | None, name: str, line: int, delimiter: str
) -> Problem | None:
    """Return what is wrong with a row, which is the header where there is none yet."""
    if any(map(_ESCAPED.search, cells)):
        return _problem(name, line, "the row is not UTF-8", _UTF8)
    if header is None:
        twice = _repeated(cells)
        if twice:
            return _problem(name, line, twice, "rename one")
    elif len(cells) != len(header):
        what = f"expected {len(header)} cells, found {len(cells)}"
        fix = f"quote cells that hold {delimiter!r} or line breaks"
        return _problem(name, line, what, fix)
    return None


def _repeated(columns: list[str]) -> str | None:
    twice = [column for column, count in Counter(columns).items() if count > 1]
    return f"the column {twice[0]!r} occurs twice" if twice else None


def _problem(name: str, line: int, what: str, fix: str) -> Problem:
    return Problem(what, file=name, line=line, fix=fix, code="data.table")


class _Joined(io.RawIOBase):
    """The bytes already taken from a stream, then the rest of it."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)
