"""``.json`` files: an array of records, an object around one, or lines in disguise."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from ftcore.data.files import (
    Found,
    bad_utf8,
    iter_jsonl,
    not_an_object,
    repeated_key,
    what_json_says,
)
from ftcore.data.strict_json import DECODER, LENIENT, RepeatedKey
from ftcore.errors import Problem

_SPACE = re.compile(r"[ \t\r\n]*")


def iter_json(data: bytes, name: str) -> Iterator[Found]:
    """Yield the records of a JSON file, each with the line on which it begins.

    The file is an array of objects, an object whose one list of objects is the records, a single
    object, or (by mistake of the suffix) one object per line. The first broken element ends the
    reading with a problem that says so.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield from iter_jsonl(io.BytesIO(data), name)
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, start = _line_start(data, error.start)
        local = UnicodeDecodeError(
            "utf-8", data[start:], error.start - start, error.end - start, ""
        )
        yield Found(line, problem=bad_utf8(name, line, local))
        return
    start = _skip(text, 0)
    if text.startswith("[", start):
        yield from _array(text, start, name)
    elif start < len(text):
        yield from _object(text, start, name, data)
    else:
        yield Found(1, problem=_broken(name, 1, "the file is empty"))


def _object(text: str, start: int, name: str, data: bytes) -> Iterator[Found]:
    line = text.count("\n", 0, start) + 1
    try:
        value, end = LENIENT.raw_decode(text, start)
    except RecursionError:
        yield Found(line, problem=_broken(name, line, "nested too deeply"))
        return
    except ValueError as error:
        yield Found(line, problem=_syntax(name, error, line))
        return
    if _skip(text, end) < len(text):
        yield from iter_jsonl(io.BytesIO(data), name)
        return
    if not isinstance(value, dict):
        yield Found(line, problem=not_an_object(name, line, value))
        return
    lists = [key for key, item in value.items() if _is_records(item)]
    if len(lists) == 1 and len(value) == 1:
        place = text.index("[", text.index(":", start))
        yield from _array(text, place, name, closing="}")
    elif len(value) > 1 and len(lists) == len(value):
        yield Found(line, problem=_several(name, line, lists))
    else:
        yield _record(text, start, line, name)


def _element(text: str, place: int, line: int, name: str) -> tuple[Found, int | None]:
    """Return what is at ``place`` and where it ends; None where nobody can tell."""
    try:
        try:
            value, end = DECODER.raw_decode(text, place)
        except RepeatedKey as error:
            _, end = LENIENT.raw_decode(text, place)
            return Found(line, problem=repeated_key(name, line, error)), end
    except RecursionError:
        return Found(line, problem=_broken(name, line, "nested too deeply")), None
    except ValueError as error:
        return Found(line, problem=_syntax(name, error, line)), None
    if isinstance(value, dict):
        return Found(line, record=value), end
    return Found(line, problem=not_an_object(name, line, value)), end


def _record(text: str, place: int, line: int, name: str) -> Found:
    """Return the object at ``place``, which is known to be one, unless it names a key twice."""
    try:
        value, _ = DECODER.raw_decode(text, place)
    except RepeatedKey as error:
        return Found(line, problem=repeated_key(name, line, error))
    return Found(line, record=value)


def _is_records(item: object) -> bool:
    return (
        isinstance(item, list)
        and bool(item)
        and all(isinstance(part, dict) and not {"role", "from"} & part.keys() for part in item)
    )


def _array(text: str, start: int, name: str, closing: str = "") -> Iterator[Found]:
    place = _skip(text, start + 1)
    line, counted = text.count("\n", 0, place) + 1, place
    if text.startswith("]", place):
        return
    while True:
        line, counted = line + text.count("\n", counted, place), place
        found, end = _element(text, place, line, name)
        yield found
        if end is None:
            return
        place = _skip(text, end)
        mark = text[place : place + 1]
        if mark == ",":
            place = _skip(text, place + 1)
            continue
        rest = text[place + 1 :].strip().removeprefix(closing)
        if mark != "]" or rest:
            line += text.count("\n", counted, place)
            what = f"expected ',' or ']' , found {(mark or 'the end of the file')!r}"
            if mark == "]":
                what = "there is more text behind the array"
            yield Found(line, problem=_broken(name, line, what))
        return


def _syntax(name: str, error: ValueError, line: int) -> Problem:
    return _broken(name, getattr(error, "lineno", line), what_json_says(error))


def _broken(name: str, line: int, what: str) -> Problem:
    return Problem(
        f"not valid JSON: {what}; nothing behind this place was read",
        file=name,
        line=line,
        fix="mend the JSON, or write one object per line (JSONL)",
        code="data.json",
    )


def _several(name: str, line: int, lists: list[str]) -> Problem:
    return Problem(
        f"the object holds several lists of records: {', '.join(lists)}",
        file=name,
        line=line,
        fix="write each list to a file of its own",
        code="data.json",
    )


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _line_start(data: bytes, place: int) -> tuple[int, int]:
    return data.count(b"\n", 0, place) + 1, data.rfind(b"\n", 0, place) + 1
