"""Records of one file, one after the other, each with its line; broken ones as problems."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from ftcore.data.compression import damage_errors, open_bytes
from ftcore.data.sources import DataFile, file_kind
from ftcore.data.strict_json import DECODER, RepeatedKey
from ftcore.errors import Problem


@dataclass(slots=True)
class Found:
    """One piece of a file: ``record``, or the ``problem`` that stands in its place.

    ``line`` counts lines (records, for Parquet and for records inside a JSON array that cannot
    be located) from 1. ``blank`` marks a blank line, which is neither.
    """

    line: int
    record: dict[str, Any] | None = None
    problem: Problem | None = None
    blank: bool = False


def iter_file(file: DataFile) -> Iterator[Found]:
    """Yield the records of ``file`` in order.

    Raises `DataError` only when the file cannot be opened at all; what is wrong inside comes as
    a problem, and reading goes on where the format allows.
    """
    kind = file_kind(file.path)
    if kind == ".parquet":
        from ftcore.data.tables import iter_parquet

        yield from iter_parquet(file)
        return
    with open_bytes(file.path, file.name) as stream:
        try:
            if kind == ".jsonl":
                yield from iter_jsonl(stream, file.name)
            elif kind == ".json":
                from ftcore.data.json_files import iter_json

                yield from iter_json(stream.read(), file.name)
            else:
                from ftcore.data.tables import iter_csv

                yield from iter_csv(stream, file.name, "\t" if kind == ".tsv" else ",")
        except damage_errors() as error:
            yield Found(0, problem=damaged(file.name, error))


def iter_jsonl(stream: IO[bytes], name: str, first_line: int = 1) -> Iterator[Found]:
    """Yield one record per line; ``first_line`` numbers the first line of ``stream``."""
    for line, raw in enumerate(stream, first_line):
        if line == 1:
            mark = _wide_mark(raw)
            if mark:
                yield Found(1, problem=_wide_problem(name, mark))
                return
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        yield read_json_line(raw, name, line)


def read_json_line(raw: bytes, name: str, line: int) -> Found:
    """Read one line of JSON; every way in which it can be broken is a problem with its place."""
    try:
        value = DECODER.decode(str(raw.rstrip(b"\r\n"), "utf-8"))
    except UnicodeDecodeError as error:
        return Found(line, problem=bad_utf8(name, line, error))
    except RecursionError:
        return Found(line, problem=_bad_json(name, line, "nested too deeply"))
    except RepeatedKey as error:
        return Found(line, problem=repeated_key(name, line, error))
    except ValueError as error:
        if not raw.strip():
            return Found(line, blank=True)
        return Found(line, problem=_bad_json(name, line, what_json_says(error)))
    if type(value) is not dict:
        return Found(line, problem=not_an_object(name, line, value))
    return Found(line, record=value)


def what_json_says(error: ValueError) -> str:
    """Return the decoder's message, with the column where it knows one."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error)


def repeated_key(name: str, line: int, error: RepeatedKey) -> Problem:
    """Return the problem of an object that names a key twice."""
    return Problem(str(error), file=name, line=line, fix="keep one of them", code="data.json")


def not_an_object(name: str, line: int, value: object) -> Problem:
    """Return the problem of a record that is a list, a number, a text or null."""
    from ftcore.data.formats.turns import kind

    return Problem(
        f"expected an object, found {kind(value)}",
        file=name,
        line=line,
        fix="write one record as {...}",
        code="data.json",
    )


def bad_utf8(name: str, line: int, error: UnicodeDecodeError) -> Problem:
    """Return the problem of bytes that are not UTF-8, with the byte and its place in the line."""
    return Problem(
        f"not UTF-8: byte 0x{error.object[error.start]:02x} at byte {error.start + 1} of the line",
        file=name,
        line=line,
        fix="save the file as UTF-8",
        code="data.utf8",
    )


def _bad_json(name: str, line: int, what: str) -> Problem:
    return Problem(
        f"not valid JSON: {what}",
        file=name,
        line=line,
        fix="write one complete JSON object on the line",
        code="data.json",
    )


def _wide_mark(raw: bytes) -> str | None:
    for mark, encoding in (
        (b"\xff\xfe\x00\x00", "UTF-32"),
        (b"\x00\x00\xfe\xff", "UTF-32"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ):
        if raw.startswith(mark):
            return encoding
    return None


def _wide_problem(name: str, encoding: str) -> Problem:
    return Problem(
        f"the file is {encoding}, not UTF-8; nothing of it was read",
        file=name,
        line=1,
        fix="save the file as UTF-8",
        code="data.utf8",
    )


def damaged(name: str, error: BaseException) -> Problem:
    """Return the problem of a file that breaks off, from where on nothing can be read."""
    return Problem(
        f"the file breaks off or is damaged, its rest was not read: {error}",
        file=name,
        fix="fetch or write the file again",
        code="data.damaged",
    )
