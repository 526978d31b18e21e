"""Building the stream: rows rendered, written beside the final place, renamed into it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ftcore.data.account import Entry, Tally
from ftcore.data.arrow_folder import PartWriter
from ftcore.data.render_chunk import Chunk, asked_chunk, chunks_of, render_chunk
from ftcore.data.rows import Row
from ftcore.data.stored_stream import ROWS_FILE, STREAM_FILE, STREAM_VERSION, Stream
from ftcore.data.write import ESCAPE
from ftcore.errors import DataError, Problem
from ftcore.rendering.renderer import Renderer

__all__ = ["Stream", "build_stream", "find_or_write", "stream_key"]

PARALLEL_FROM = 20_000  # rows; below, starting processes costs more than it saves
SHOWN_PROBLEMS = 20

Notify = Callable[[str], None]


def build_stream(
    parts: Mapping[str, Sequence[Row]],
    renderer: Renderer,
    *,
    cache: Path,
    key_extra: str = "",
    left_out: Sequence[Entry] = (),
    notify: Notify | None = None,
) -> Stream:
    """Render the rows of each part ("train", "validation") into a stream folder under ``cache``.

    A stream of the same rows, renderer and ``key_extra`` is reused without tokenising.
    ``left_out`` are rows that the recipe took out beforehand; they are only accounted for. Raises
    `DataError` for rows that cannot be rendered, and for overlong rows under
    ``overlong = "error"``.
    """
    tell = notify or (lambda text: None)
    key = stream_key(parts, renderer, key_extra, left_out)
    total = sum(map(len, parts.values()))

    def chunks() -> Iterator[Chunk]:
        yield asked_chunk(left_out)
        yield from rendered()

    def rendered() -> Iterator[Chunk]:
        pairs = chunks_of((part, row) for part, rows in parts.items() for row in rows)
        if total >= PARALLEL_FROM:
            from ftcore.data.render_pool import render_parallel

            return render_parallel(renderer, pairs)
        return (render_chunk(renderer, chunk) for chunk in pairs)

    return find_or_write(key, list(parts), renderer, chunks, cache=cache, tell=tell, total=total)


def find_or_write(
    key: str,
    parts: Sequence[str],
    renderer: Renderer,
    chunks: Callable[[], Iterable[Chunk]],
    *,
    cache: Path,
    tell: Notify,
    total: int | None,
    extra_files: Callable[[Path], None] | None = None,
) -> Stream:
    """Return the stream called ``key``, writing it from ``chunks()`` unless it is there.

    ``extra_files`` may write more files into the folder before it is sealed. Two processes that
    want one stream wait for each other; the folder appears whole or not at all.
    """
    from filelock import FileLock

    home = cache / "streams"
    home.mkdir(parents=True, exist_ok=True)
    folder = home / key
    with FileLock(home / f".{key}.lock"):
        present = _usable(folder)
        if present is not None:
            tell(f"stream {key[:12]}: reused, nothing to tokenise")
            return present
        tell(f"stream {key[:12]}: rendering {'the' if total is None else total} rows")
        temporary = Path(tempfile.mkdtemp(prefix=f".{key[:12]}-", dir=home))
        try:
            totals, tally = write_parts(temporary, key, parts, renderer, chunks())
            if extra_files:
                extra_files(temporary)
            seal(temporary, key, renderer, totals, tally)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return Stream.load(folder, reused=False)


def write_parts(
    folder: Path, key: str, parts: Sequence[str], renderer: Renderer, chunks: Iterable[Chunk]
) -> tuple[dict[str, dict[str, int]], Tally]:
    """Write the parts and ``rows.jsonl``; return figures per part, and the tally of the rows.

    Raises `DataError` for rows that must not be there.
    """
    tally, broken = Tally(), list[Problem]()
    writers = {part: PartWriter(folder / part, part) for part in parts}
    for part in parts:
        tally.open_part(part)
    try:
        with (folder / ROWS_FILE).open("w", encoding="utf-8", errors=ESCAPE) as lines:
            for chunk in chunks:
                tally.merge(chunk.tally)
                broken.extend(chunk.broken)
                lines.writelines(f"{line}\n" for line in chunk.lines)
                for part, rows in chunk.parts.items():
                    writers[part].write(rows)
    finally:
        for writer in writers.values():
            writer.close()
    _refuse(tally, broken, renderer)
    return {part: writer.finish(key[:16]) for part, writer in writers.items()}, tally


def seal(
    folder: Path, key: str, renderer: Renderer, totals: dict[str, dict[str, int]], tally: Tally
) -> None:
    """Write ``stream.json``, the last file, and make all of them read-only."""
    data = {
        "version": STREAM_VERSION,
        "hash": key,
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


def stream_key(
    parts: Mapping[str, Sequence[Row]],
    renderer: Renderer,
    key_extra: str,
    left_out: Sequence[Entry] = (),
) -> str:
    """Return the SHA-256 (hex) of the rows with their sources, the renderer and ``key_extra``."""
    state = key_state(renderer, key_extra)
    for part, rows in parts.items():
        state.update(f"{part}\0{len(rows)}\0".encode())
        for row in rows:
            messages = [message.to_json() for message in row.messages]
            line = json.dumps([row.row_id, str(row.source), messages])
            state.update(line.encode())
    for entry in left_out:
        state.update(entry.to_line().encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def key_state(renderer: Renderer, key_extra: str) -> hashlib._Hash:
    """Return a hash that has taken in everything about a stream but its rows."""
    head = json.dumps([STREAM_VERSION, renderer.fingerprint, key_extra])
    return hashlib.sha256(head.encode())


def _refuse(tally: Tally, broken: Sequence[Problem], renderer: Renderer) -> None:
    if broken:
        raise DataError(
            f"{len(broken)} rows cannot be rendered for this model",
            hint="mend or remove them",
            code="data.unrenderable",
            problems=broken[:SHOWN_PROBLEMS],
            details={"problems": len(broken)},
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


def _usable(folder: Path) -> Stream | None:
    if not folder.exists():
        return None
    try:
        return Stream.load(folder)
    except DataError:
        return None


def _sizes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
