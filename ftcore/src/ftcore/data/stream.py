"""Building the stream: rows rendered in one pass, written beside the final place, renamed into it.

A stream is named by the hash of its content. What went in has a key of its own, under which a
record says which stream came of it: the same input is neither read nor tokenised again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftcore.cache import locked
from ftcore.data.account import Tally
from ftcore.data.arrow_folder import PartWriter
from ftcore.data.collect import collect
from ftcore.data.input_record import INPUTS, InputRecord, input_key
from ftcore.data.one_pass import Found, OnePass
from ftcore.data.portion import Portion
from ftcore.data.render_chunk import Chunk
from ftcore.data.rows import Row
from ftcore.data.shape import Shaping
from ftcore.data.stored_stream import ROWS_FILE, STREAM_FILE, STREAM_VERSION, Stream
from ftcore.data.write import ESCAPE
from ftcore.errors import DataError, Problem
from ftcore.rendering.renderer import Renderer

PARTS = ("train", "validation")
SHOWN_PROBLEMS = 20

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """The stream, and what was found on the way."""

    stream: Stream
    found: Found


def build_stream(
    portions: Sequence[Portion],
    renderer: Renderer,
    *,
    shaping: Shaping | None = None,
    test: Sequence[Row] = (),
    cache: Path,
    notify: Notify | None = None,
    processes: int | None = None,
) -> Built:
    """Read, check, shape, render and write the rows of ``portions`` ("train", "validation").

    ``shaping`` says what becomes of the training portion; ``test`` are the rows that it is compared
    with. Nothing is read again where all of this, the files' bytes included, is as it was before.
    Raises `DataError` for what `OnePass` raises it for, rows that cannot be rendered, and overlong
    rows under ``overlong = "error"``.
    """
    tell = notify or (lambda text: None)
    shaping = shaping or Shaping()
    home = cache / "streams"
    key = input_key(portions, shaping, renderer, test)
    record = InputRecord(home / INPUTS / f"{key}.jsonl")
    with locked(home / f".{key[:32]}.lock", purpose="rendering the rows", notify=notify):
        built = _again(record, home)
        if built is not None:
            tell(f"stream {built.stream.hash[:12]}: reused, nothing to tokenise")
            return built
        tell("reading and rendering the rows")
        one_pass = OnePass(portions, shaping, renderer, test=test, processes=processes)
        stream = write_stream(one_pass.chunks(), renderer, home)
        record.write(stream.hash, one_pass.found)
        collect(home)
    return Built(stream, one_pass.found)


def _again(record: InputRecord, home: Path) -> Built | None:
    known = record.read()
    if known is None:
        return None
    name, found = known
    try:
        return Built(Stream.load(home / name), found)
    except DataError:
        return None


def write_stream(chunks: Iterable[Chunk], renderer: Renderer, home: Path) -> Stream:
    """Write a stream from rendered chunks; its folder in ``home`` appears whole or not at all."""
    home.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".stream-", dir=home))
    try:
        name = _write(temporary, renderer, chunks)
        with locked(home / f".{name[:32]}.lock", purpose="writing a stream"):
            folder = home / name
            if _usable(folder):
                shutil.rmtree(temporary)
                os.utime(folder)  # young again, until a record names it
            else:
                shutil.rmtree(folder, ignore_errors=True)
                temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return Stream.load(folder, reused=False)


def _write(folder: Path, renderer: Renderer, chunks: Iterable[Chunk]) -> str:
    """Write every file of a stream; return its hash.

    Raises `DataError` for rows that must not be there.
    """
    tally, content = Tally(), _ContentHash(renderer)
    broken, shown = 0, list[Problem]()
    writers = {part: PartWriter(folder / part, part) for part in PARTS}
    for part in PARTS:
        tally.open_part(part)
    try:
        with (folder / ROWS_FILE).open("w", encoding="utf-8", errors=ESCAPE) as lines:
            for chunk in chunks:
                tally.merge(chunk.tally)
                broken += len(chunk.broken)
                shown.extend(chunk.broken[: SHOWN_PROBLEMS - len(shown)])
                lines.writelines(f"{line}\n" for line in chunk.lines)
                content.update(chunk)
                for part, rows in chunk.parts.items():
                    writers[part].write(rows)
    finally:
        for writer in writers.values():
            writer.close()
    _refuse(tally, broken, shown, renderer)
    name = content.hexdigest()
    totals = {part: writer.finish(name[:16]) for part, writer in writers.items()}
    _seal(folder, name, renderer, totals, tally)
    return name


class _ContentHash:
    """SHA-256 of what a stream says: of each part, every row's digest and line of the account.

    Neither the cut into chunks nor the order of the parts makes a difference.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._head = json.dumps([STREAM_VERSION, renderer.fingerprint])
        self._rows = {part: hashlib.sha256() for part in PARTS}
        self._lines = {part: hashlib.sha256() for part in PARTS}

    def update(self, chunk: Chunk) -> None:
        """Take in a chunk."""
        for part, rows in chunk.parts.items():
            self._rows[part].update(rows.digests)
        for line in chunk.lines:
            part = line.split('"', 8)[7]  # {"row_id": "...", "part": "...
            self._lines[part].update(f"{line}\n".encode("utf-8", "surrogatepass"))

    def hexdigest(self) -> str:
        """Return the hash of all chunks."""
        states = [*self._rows.values(), *self._lines.values()]
        parts = [self._head, *(state.hexdigest() for state in states)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _seal(
    folder: Path, name: str, renderer: Renderer, totals: dict[str, dict[str, int]], tally: Tally
) -> None:
    """Write ``stream.json``, the last file, and make all of them read-only."""
    data = {
        "version": STREAM_VERSION,
        "hash": name,
        "fingerprint": renderer.fingerprint,
        "parts": totals,
        "account": tally.to_json(),
        "files": _sizes(folder),
    }
    path = folder / STREAM_FILE
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8", errors=ESCAPE)
    for item in folder.rglob("*"):
        if item.is_file():
            item.chmod(0o444)


def _refuse(tally: Tally, broken: int, shown: Sequence[Problem], renderer: Renderer) -> None:
    if broken:
        raise DataError(
            f"{broken} rows cannot be rendered for this model",
            hint="mend or remove them",
            code="data.unrenderable",
            problems=shown,
            details={"problems": broken},
        )
    overlong = tally.reasons.get("overlong", 0)
    if overlong and renderer.options.overlong == "error":
        raise DataError(
            f"{overlong} rows are longer than data.max_length = {renderer.options.max_length}",
            hint='raise data.max_length, or set data.overlong to "truncate_prompt" or "drop"',
            code="data.overlong",
            problems=[entry.to_problem() for entry in tally.lost if entry.reason == "overlong"],
            details={"rows": overlong},
        )


def _usable(folder: Path) -> bool:
    try:
        Stream.load(folder)
    except DataError:
        return False
    return True


def _sizes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
