"""Rows as the model sees them, for people to look at before anything is trained."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ftcore.data.account import LeftOut
from ftcore.data.rows import Row
from ftcore.engine.inputs import OpenData, open_data
from ftcore.engine.prepare import find_model, make_renderer
from ftcore.recipe.loading import LoadedRecipe
from ftcore.rendering.messages import Message
from ftcore.rendering.preview import Segment, preview_segments
from ftcore.rendering.rendered import Rendered, dropped
from ftcore.rendering.renderer import Renderer

Part = Literal["train", "validation", "test"]
CHUNK_ROWS = 500


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row, its tokens and labels, and its text in coloured pieces.

    A row that the model never sees (removed by a cleaning step, refused by the template) has no
    tokens; its pieces are then its turns as they were read.
    """

    row: Row
    rendered: Rendered
    segments: tuple[Segment, ...]

    def caption(self) -> str:
        """Return where the row comes from and what became of it, in one line."""
        rendered = self.rendered
        text = (
            f"{self.row.source}: {len(rendered.input_ids)} tokens, {rendered.supervised} "
            f"supervised, {rendered.boundary} on a boundary; {rendered.status}"
        )
        return f"{text}: {rendered.detail}" if rendered.detail else text


def preview_rows(
    loaded: LoadedRecipe,
    *,
    part: Part = "train",
    limit: int = 3,
    lost: bool = False,
    offline: bool = False,
    notify: Callable[[str], None],
) -> list[PreviewRow]:
    """Return the first ``limit`` rows of a part, rendered for the recipe's model.

    ``lost`` takes only rows that are cut or dropped; those that the recipe itself leaves out
    (cleaning steps, weights, the limit) come last.
    """
    data = open_data(loaded)
    model = find_model(loaded, offline=offline, chat=not data.documents, notify=notify)
    renderer = make_renderer(loaded, model, documents=data.documents)
    asked: list[LeftOut] = []
    rows = _with_left_out(data, asked, limit) if lost and part == "train" else data.rows(part)
    found: list[PreviewRow] = []
    for row, rendered in _rendered(rows, renderer, CHUNK_ROWS if lost else max(limit, 1)):
        if len(found) == limit:
            return found
        if not lost or rendered.status != "kept":
            found.append(PreviewRow(row, rendered, _segments(row, rendered, renderer)))
    return found + [_left_out(item) for item in asked[: limit - len(found)]]


def _with_left_out(data: OpenData, asked: list[LeftOut], most: int) -> Iterator[Row]:
    """Yield the training rows; put the first ones that the recipe leaves out into ``asked``."""
    for item in data.items():
        if not isinstance(item, LeftOut):
            if item[0] == "train":
                yield item[1]
        elif len(asked) < most:
            asked.append(item)


def _segments(row: Row, rendered: Rendered, renderer: Renderer) -> tuple[Segment, ...]:
    return tuple(preview_segments(rendered, renderer.tokenizer)) or _turns(row.messages)


def _left_out(item: LeftOut) -> PreviewRow:
    lost = dropped(item.reason, f"{item.reason}, {item.detail}")
    return PreviewRow(item.row, lost, _turns(item.row.messages))


def _turns(messages: Sequence[Message]) -> tuple[Segment, ...]:
    """Return a conversation that is not rendered, each turn behind its role."""
    turns = (f"[{message.role}] {message.content}" for message in messages)
    return (Segment("\n".join(turns), "prompt"),)


def _rendered(rows: Iterable[Row], renderer: Renderer, size: int) -> Iterator[tuple[Row, Rendered]]:
    rest = iter(rows)
    while chunk := list(itertools.islice(rest, size)):
        yield from zip(chunk, renderer.render_many([row.messages for row in chunk]), strict=True)
