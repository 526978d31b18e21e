"""From files to the stream in one pass, in several processes, holding no row: any number of them.

`read_rows`, `split_rows` and `build_stream` do the same for rows that fit into memory, and give
the same stream; its hash differs, because here it is made from the files' bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ftcore.data.blocks import Block, iter_blocks
from ftcore.data.formats import FormatOptions
from ftcore.data.formats.base import Format
from ftcore.data.read import Refused, RowReader, empty_file, make_reader, problems_error
from ftcore.data.render_chunk import CHUNK_ROWS, Chunk, render_chunk
from ftcore.data.render_pool import build_renderer, run_parallel, worker_state
from ftcore.data.rows import Row, Source
from ftcore.data.sources import DataFile, SourceSpec, find_files
from ftcore.data.split import SplitOptions
from ftcore.data.stream import Notify, Stream, find_or_write, key_state
from ftcore.errors import DataError, Problem
from ftcore.rendering.messages import Message
from ftcore.rendering.renderer import Renderer

READ_FILE = "read.json"
KEPT_PROBLEMS = 10_000  # beyond these only their number is known


@dataclass(frozen=True, slots=True)
class FileStream:
    """The stream, what reading found, and the rows held out for test (never rendered)."""

    stream: Stream
    format: str
    why: str
    counts: dict[str, int]
    warnings: list[Problem]
    test: list[Row]


def build_stream_from_files(
    sources: str | Sequence[SourceSpec],
    renderer: Renderer,
    *,
    base: Path,
    format: str,
    options: FormatOptions,
    split: SplitOptions | None = None,
    cache: Path,
    key_extra: str = "",
    notify: Notify | None = None,
    processes: int | None = None,
) -> FileStream:
    """Read, check, split, render and write the rows of ``sources``.

    Raises `DataError` for what `read_rows`, `require` and `build_stream` raise it for, and for
    weighted sources, whose repeated rows need the rows in memory.
    """
    split = split or SplitOptions()
    files = find_files(sources, base=base)
    _refuse_weights(files)
    reader, why = make_reader(files, format=format, options=options)
    key = _files_key(files, renderer, reader, split, key_extra)
    job = _Pass(files, IngestTask(reader.format, options, split, worker_state(renderer)), processes)
    parts = ["train", "validation"] if split.validation else ["train"]
    stream = find_or_write(
        key,
        parts,
        renderer,
        job.chunks,
        cache=cache,
        tell=notify or (lambda text: None),
        total=None,
        extra_files=job.write_report,
    )
    report = json.loads((stream.folder / READ_FILE).read_text(encoding="utf-8"))
    return FileStream(
        stream,
        reader.format.name,
        why,
        report["counts"],
        [Problem(**problem) for problem in report["warnings"]],
        [_row_from_json(row) for row in report["test"]],
    )


@dataclass(slots=True)
class Ingested:
    """What became of one block: rendered rows, ids of all rows in order, and the test rows."""

    name: str
    chunks: list[Chunk] = field(default_factory=list)
    row_ids: list[str] = field(default_factory=list)
    test: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class IngestTask:
    """Turns blocks into `Ingested`, in whichever process it runs."""

    def __init__(
        self, reader: Format, options: FormatOptions, split: SplitOptions, state: Any
    ) -> None:
        self._format, self._options, self._split, self._state = reader, options, split, state
        self._renderer: Renderer | None = None

    def __call__(self, block: Block) -> Ingested:
        """Read, check, split and render the records of one block."""
        if self._renderer is None:
            self._renderer = build_renderer(self._state)
        reader = RowReader(self._format, self._options)
        done = Ingested(block.name, counts=reader.counts, warnings=reader.warnings)
        pairs: list[tuple[str, Row]] = []
        for found in block.records():
            item = reader.convert(found, block.name)
            if isinstance(item, Refused):
                done.problems.append(item.problem)
            elif item is not None:
                part = self._split.part_of(item)
                done.row_ids.append(item.row_id)
                (done.test.append(item) if part == "test" else pairs.append((part, item)))
        if not done.problems:
            for start in range(0, len(pairs), CHUNK_ROWS):
                done.chunks.append(render_chunk(self._renderer, pairs[start : start + CHUNK_ROWS]))
        return done


class _Pass:
    """One pass over the files: hands out rendered chunks, keeps what the report needs."""

    def __init__(self, files: Sequence[DataFile], task: IngestTask, processes: int | None) -> None:
        self._files, self._task, self._processes = files, task, processes
        self._counts: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []
        self._test: list[Row] = []
        self._seen: set[int] = set()
        self._copies: Counter[str] = Counter()

    def chunks(self) -> Iterator[Chunk]:
        """Yield rendered chunks; once a record is refused, only reading goes on."""
        empty = dict.fromkeys(file.name for file in self._files)
        blocks = (block for file in self._files for block in iter_blocks(file))
        results: Iterable[Ingested] = run_parallel(self._task, blocks, self._processes)
        for done in results:
            self._counts.update(done.counts)
            self._problems.extend(done.problems[: KEPT_PROBLEMS - len(self._problems)])
            self._warnings.extend(done.warnings[: KEPT_PROBLEMS - len(self._warnings)])
            self._number_copies(done)
            self._test.extend(done.test)
            if done.counts["records"]:
                empty.pop(done.name, None)
            if not self._problems:
                yield from done.chunks
        for name in empty:
            self._counts["warnings"] += 1
            self._warnings.append(empty_file(name))
        if self._problems:
            raise problems_error(self._problems, self._counts["refused"], self._counts["records"])
        if not self._counts["rows"]:
            raise DataError("the data has no row", code="data.empty")

    def write_report(self, folder: Path) -> None:
        """Write what `FileStream` tells beside the stream, for when it is reused."""
        names = ("records", "rows", "refused", "blank_lines", "warnings")
        counts = {**{name: self._counts[name] for name in names}, "files": len(self._files)}
        report = {
            "counts": counts,
            "warnings": [asdict(warning) for warning in self._warnings],
            "test": [_row_to_json(row) for row in self._test],
        }
        (folder / READ_FILE).write_text(json.dumps(report, default=str), encoding="utf-8")

    def _number_copies(self, done: Ingested) -> None:
        """Give later copies of a content their number, as `read_rows` does."""
        keys = [int(row_id, 16) for row_id in done.row_ids]
        if self._seen.isdisjoint(keys) and len(set(keys)) == len(keys):
            self._seen.update(keys)
            return
        numbered: dict[str, list[str]] = {}
        for row_id, key in zip(done.row_ids, keys, strict=True):
            copy = ""
            if key in self._seen:
                self._copies[row_id] += 1
                copy = f"-{self._copies[row_id] + 1}"
            self._seen.add(key)
            numbered.setdefault(row_id, []).append(f"{row_id}{copy}")
        for chunk in done.chunks:
            chunk.lines = [_renamed(line, numbered) for line in chunk.lines]
        done.test = [
            Row(numbered[row.row_id].pop(0), row.messages, row.source, row.fields)
            for row in done.test
        ]


def _renamed(line: str, numbered: dict[str, list[str]]) -> str:
    """Put the numbered id into a line of ``rows.jsonl``, which begins with the plain one."""
    start = len('{"row_id": "')
    row_id = line[start : start + 16]
    return line[:start] + numbered[row_id].pop(0) + line[start + 16 :]


def _files_key(
    files: Sequence[DataFile],
    renderer: Renderer,
    reader: RowReader,
    split: SplitOptions,
    key_extra: str,
) -> str:
    state = key_state(renderer, key_extra)
    settings = [reader.format.name, _options_json(reader.options), asdict(split)]
    state.update(json.dumps(settings, sort_keys=True).encode())
    for file in files:
        with file.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "blake2b").hexdigest()
        state.update(json.dumps([file.name, digest]).encode())
    return state.hexdigest()


def _options_json(options: FormatOptions) -> dict[str, Any]:
    return {
        "ner": asdict(options.ner),
        "alpaca": options.alpaca_reading,
        "columns": dict(options.columns),
    }


def _refuse_weights(files: Sequence[DataFile]) -> None:
    for file in files:
        if file.weight != 1.0:
            raise DataError(
                f"{file.name} has a weight, which is not supported for data this large",
                hint="remove the weight, or repeat the file in data.train",
                code="data.weights-not-yet",
            )


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
