"""Which stream came of which input, so that the same input is not read and tokenised again."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftcore.data.cleaning import ChosenStep, StepCount
from ftcore.data.one_pass import Found
from ftcore.data.portion import Portion
from ftcore.data.rows import Row, Source
from ftcore.data.shape import Shaping
from ftcore.data.write import ESCAPE
from ftcore.errors import Problem
from ftcore.rendering.messages import Message
from ftcore.rendering.renderer import Renderer

RECORD_VERSION = 1
# The folder of the records, beside the streams.
INPUTS = ".inputs"


class InputRecord:
    """A file with the name of the stream and what the pass found besides; test rows one a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[str, Found] | None:
        """Return the stream's name and what was found, or None where there is no whole record."""
        try:
            with self._path.open(encoding="utf-8") as lines:
                head = json.loads(next(lines))
                test = [_row_from_json(json.loads(line)) for line in lines]
        except (OSError, ValueError, StopIteration):
            return None
        if head["version"] != RECORD_VERSION or len(test) != head["test"]:
            return None
        # That it was used keeps it (see collect.py).
        with contextlib.suppress(OSError):
            os.utime(self._path)
        warnings = [Problem(**warning) for warning in head["warnings"]]
        shaping = [StepCount(**count) for count in head["shaping"]]
        return head["stream"], Found(test, warnings, head["counts"], shaping)

    def stream(self) -> str | None:
        """Return the stream's name, or None where there is no record that tells it."""
        try:
            with self._path.open(encoding="utf-8") as lines:
                return str(json.loads(next(lines))["stream"])
        except (OSError, ValueError, KeyError, TypeError, StopIteration):
            return None

    def write(self, stream: str, found: Found) -> None:
        """Write the record by atomic rename."""
        head = {
            "version": RECORD_VERSION,
            "stream": stream,
            "test": len(found.test),
            "counts": found.counts,
            "shaping": [asdict(count) for count in found.shaping],
            "warnings": [asdict(warning) for warning in found.warnings],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".record-", dir=self._path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", errors=ESCAPE, newline="\n") as out:
            for item in (head, *map(_row_to_json, found.test)):
                out.write(json.dumps(item, ensure_ascii=False) + "\n")
        Path(name).replace(self._path)


def input_key(
    portions: Sequence[Portion], shaping: Shaping, renderer: Renderer, test: Sequence[Row]
) -> str:
    """Return the SHA-256 (hex) of everything that decides a stream and what is found besides.

    That is the bytes of every file, formats and steps with their options and their code, split,
    weights and limit, the renderer, and the test rows that training is compared with.
    """
    state = hashlib.sha256()

    def add(value: object) -> None:
        state.update(json.dumps(value, sort_keys=True, default=str).encode() + b"\n")

    add([RECORD_VERSION, renderer.fingerprint, _own_code()])
    for portion in portions:
        add([portion.part, portion.format.name, _code_of(type(portion.format))])
        add(asdict(portion.options))
        for file in portion.files:
            add([file.name, file.weight, _file_digest(file.path)])
    for step in shaping.steps:
        add([step.place, step.step.name, _code_of(step.step), asdict(step.options)])
        add([_file_digest(path) for path in _files_of(step, shaping.base)])
    add([asdict(shaping.split), dict(shaping.weights), shaping.limit])
    group = shaping.split.group
    for row in test:
        add([row.row_id, str(row.source), row.fields.get(group) if group else None])
    return state.hexdigest()


def _files_of(step: ChosenStep, base: Path) -> Iterator[Path]:
    """Yield the files that the options of a step name."""
    for value in asdict(step.options).values():
        if isinstance(value, str) and value and (base / value).is_file():
            yield base / value


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()


def _code_of(kind: type[Any]) -> str:
    """Return the hash of the module that a plugin's format or step is written in."""
    try:
        source = inspect.getsourcefile(kind)
    except TypeError:
        source = None
    return _file_digest(Path(source)) if source else f"{kind.__module__}.{kind.__qualname__}"


@functools.cache
def _own_code() -> str:
    """Return the hash of the code that reads, cleans, splits and renders."""
    state = hashlib.sha256()
    root = Path(__file__).parents[1]
    for room in ("data", "rendering"):
        for path in sorted((root / room).rglob("*.py")):
            state.update(f"{path.relative_to(root)}\0{_file_digest(path)}\0".encode())
    return state.hexdigest()


def _row_to_json(row: Row) -> dict[str, Any]:
    return {
        "row_id": row.row_id,
        "source": [row.source.file, row.source.line],
        "messages": [message.to_json() for message in row.messages],
        "fields": dict(row.fields),
    }


def _row_from_json(data: dict[str, Any]) -> Row:
    messages = tuple(Message(**message) for message in data["messages"])
    return Row(data["row_id"], messages, Source(*data["source"]), data["fields"])
