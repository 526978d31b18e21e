"""Some rows rendered: what the stream's files need of them, ready to be written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ftcore.data.account import Entry, Tally
from ftcore.data.arrow_folder import PartChunk
from ftcore.data.rows import Row
from ftcore.errors import Problem
from ftcore.rendering.digests import row_digest
from ftcore.rendering.rendered import Rendered
from ftcore.rendering.renderer import Renderer

CHUNK_ROWS = 1000


@dataclass(slots=True)
class Chunk:
    """Rows of one or more parts, rendered.

    ``lines`` are the lines of ``rows.jsonl``, one per row that went in; ``broken`` are rows that
    could not be rendered at all, as problems.
    """

    parts: dict[str, PartChunk]
    lines: list[str]
    tally: Tally
    broken: list[Problem] = field(default_factory=list)


def render_chunk(renderer: Renderer, rows: Sequence[tuple[str, Row]]) -> Chunk:
    """Render ``(part, row)`` pairs; rows keep their order within each part."""
    results = renderer.render_many([row.messages for _, row in rows])
    tally = Tally()
    lines: list[str] = []
    kept: dict[str, list[Rendered]] = {}
    broken: list[Problem] = []
    for (part, row), result in zip(rows, results, strict=True):
        entry = _entry(part, row, result)
        tally.add(entry)
        lines.append(entry.to_line())
        if result.status != "dropped":
            kept.setdefault(part, []).append(result)
        elif result.reason not in ("overlong", "answer_too_long"):
            broken.append(entry.to_problem())
    return Chunk({part: _pack(items) for part, items in kept.items()}, lines, tally, broken)


def asked_chunk(left_out: Iterable[Entry]) -> Chunk:
    """Return a chunk without tokens: the entries of rows that the recipe asked to leave out."""
    tally = Tally()
    lines = []
    for entry in left_out:
        tally.add_asked(entry)
        lines.append(entry.to_line())
    return Chunk({}, lines, tally)


def chunks_of(
    rows: Iterable[tuple[str, Row]], size: int = CHUNK_ROWS
) -> Iterable[list[tuple[str, Row]]]:
    """Cut ``(part, row)`` pairs into lists of ``size``."""
    chunk: list[tuple[str, Row]] = []
    for pair in rows:
        chunk.append(pair)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _entry(part: str, row: Row, result: Rendered) -> Entry:
    return Entry(
        row.row_id,
        part,
        str(row.source),
        result.status,
        result.reason,
        result.detail,
        len(result.input_ids),
        result.supervised,
        result.boundary,
    )


def _pack(items: Sequence[Rendered]) -> PartChunk:
    return PartChunk(
        ids=np.concatenate([item.input_ids for item in items]),
        labels=np.concatenate([item.labels for item in items]),
        lengths=np.array([len(item.input_ids) for item in items], np.int32),
        supervised=np.array([item.supervised for item in items], np.int32),
        digests=b"".join(row_digest(item.input_ids, item.labels) for item in items),
    )
