"""Rows as the model sees them, for people to look at before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ftcore.data.rows import Row
from ftcore.engine.inputs import read_inputs
from ftcore.engine.prepare import find_model, render_options
from ftcore.recipe.loading import LoadedRecipe
from ftcore.rendering.preview import Segment, preview_segments
from ftcore.rendering.rendered import Rendered
from ftcore.rendering.renderer import Renderer

Part = Literal["train", "validation", "test"]
CHUNK_ROWS = 500


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row, its tokens and labels, and its text in coloured pieces."""

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

    ``lost`` takes only rows that are cut or dropped.
    """
    rows: Sequence[Row] = getattr(read_inputs(loaded), part)
    model = find_model(loaded, offline=offline, notify=notify)
    renderer = Renderer.from_folder(model.folder, render_options(loaded))
    found: list[PreviewRow] = []
    for row, rendered in _rendered(rows, renderer, CHUNK_ROWS if lost else max(limit, 1)):
        if len(found) == limit:
            break
        if not lost or rendered.status != "kept":
            segments = tuple(preview_segments(rendered, renderer.tokenizer))
            found.append(PreviewRow(row, rendered, segments))
    return found


def _rendered(rows: Sequence[Row], renderer: Renderer, size: int) -> Iterator[tuple[Row, Rendered]]:
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size]
        yield from zip(chunk, renderer.render_many([row.messages for row in chunk]), strict=True)
