"""Some rows rendered: what the stream's files need of them, ready to be written."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
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
Renderable = tuple[str, Row] | Entry


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


def render_chunk(renderer: Renderer, items: Sequence[Renderable]) -> Chunk:
    """Render ``(part, row)`` pairs; rows keep their order within each part.

    Entries among them are of rows that the recipe leaves out: they are only accounted for.
    """
    rows = [item[1].messages for item in items if isinstance(item, tuple)]
    results = iter(renderer.render_many(rows))
    tally = Tally()
    lines: list[str] = []
    kept: dict[str, list[Rendered]] = {}
    broken: list[Problem] = []
    for item in items:
        if isinstance(item, Entry):
            tally.add_asked(item)
            lines.append(item.to_line())
            continue
        part, row = item
        result = next(results)
        entry = _entry(part, row, result)
        tally.add(entry)
        lines.append(entry.to_line())
        if result.status != "dropped":
            kept.setdefault(part, []).append(result)
        elif result.reason not in ("overlong", "answer_too_long"):
            broken.append(entry.to_problem())
    return Chunk({part: _pack(items) for part, items in kept.items()}, lines, tally, broken)


def chunks_of(items: Iterable[Renderable], size: int = CHUNK_ROWS) -> Iterator[list[Renderable]]:
    """Cut items into lists of ``size``."""
    rest = iter(items)
    while chunk := list(itertools.islice(rest, size)):
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
