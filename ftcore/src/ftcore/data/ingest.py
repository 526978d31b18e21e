"""One block of a file: read, checked, split and rendered, in whichever process it runs."""

from __future__ import annotations

import itertools
import json
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field, replace

from ftcore.data.account import Entry
from ftcore.data.blocks import Block
from ftcore.data.portion import Portion
from ftcore.data.read import Refused, RowReader
from ftcore.data.render_chunk import Chunk, chunks_of, render_chunk
from ftcore.data.row_keys import RowKeys
from ftcore.data.rows import Row
from ftcore.data.split import SplitOptions
from ftcore.errors import Problem
from ftcore.rendering.renderer import Renderer


@dataclass(slots=True)
class Ingested:
    """What became of one block.

    ``contents`` has the content id of every row in order, as a number, and ``parts`` its part;
    ``keys`` has, for each part, what its rows are compared by, where they are compared.
    """

    name: str
    chunks: list[Chunk] = field(default_factory=list)
    contents: array[int] = field(default_factory=lambda: array("Q"))
    parts: list[str] = field(default_factory=list)
    keys: dict[str, RowKeys] = field(default_factory=dict)
    test: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def number(self, suffixes: list[str] | None) -> None:
        """Put the number of its copy behind the id of each row; None where none has one."""
        if suffixes is None:
            return
        ids: dict[tuple[str, str], deque[str]] = {}
        for content, part, suffix in zip(self.contents, self.parts, suffixes, strict=True):
            row_id = f"{content:016x}"
            ids.setdefault((part, row_id), deque()).append(f"{row_id}{suffix}")
        for chunk in self.chunks:
            chunk.lines = [_renamed(line, ids) for line in chunk.lines]
            if chunk.tally.lost:
                entries = (Entry(**json.loads(line)) for line in chunk.lines)
                lost = (entry for entry in entries if entry.status != "kept")
                chunk.tally.lost = list(itertools.islice(lost, len(chunk.tally.lost)))
        self.test = [replace(row, row_id=ids["test", row.row_id].popleft()) for row in self.test]


class IngestTask:
    """Turns the blocks of a portion into `Ingested`.

    ``split`` divides the rows; without it all go to the portion's part. ``group`` is the field that
    rows are compared by, besides content and prompt; ``compare`` False does not compare at all.
    """

    def __init__(
        self,
        portion: Portion,
        renderer: Renderer,
        split: SplitOptions | None,
        *,
        compare: bool,
        group: str | None,
    ) -> None:
        self._part, self._format, self._options = portion.part, portion.format, portion.options
        self._renderer, self._split = renderer, split
        self._compare, self._group = compare, group

    def __call__(self, block: Block) -> Ingested:
        """Read, check, split and render the records of one block."""
        reader = RowReader(self._format, self._options)
        done = Ingested(block.name, counts=reader.counts, warnings=reader.warnings)
        pairs: list[tuple[str, Row]] = []
        for found in block.records():
            item = reader.convert(found, block.name)
            if isinstance(item, Refused):
                done.problems.append(item.problem)
            elif item is not None:
                pairs.append((self._take(item, done), item))
        if not done.problems:
            done.test = [row for part, row in pairs if part == "test"]
            rendered = (pair for pair in pairs if pair[0] != "test")
            done.chunks = [render_chunk(self._renderer, chunk) for chunk in chunks_of(rendered)]
        return done

    def _take(self, row: Row, done: Ingested) -> str:
        part = self._part if self._split is None else self._split.part_of(row)
        done.parts.append(part)
        done.contents.append(int(row.row_id, 16))
        if self._compare:
            if part not in done.keys:
                done.keys[part] = RowKeys(self._group)
            done.keys[part].add(row)
        return part


def _renamed(line: str, ids: dict[tuple[str, str], deque[str]]) -> str:
    """Put the numbered id into a line of ``rows.jsonl``, which begins with the plain one."""
    entry = json.loads(line)
    entry["row_id"] = ids[entry["part"], entry["row_id"]].popleft()
    return Entry(**entry).to_line()
