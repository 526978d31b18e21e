"""Steps that remove whole rows, or cut documents: duplicates, lengths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ftcore.data.cleaning.base import Removed, Step, StepContext
from ftcore.data.near_duplicates import NearIndex, row_text
from ftcore.data.row_keys import FirstPlaces, prompt_key
from ftcore.data.rows import Row, content_id
from ftcore.rendering.messages import Message


@dataclass(frozen=True, kw_only=True)
class DuplicateOptions:
    """What makes two rows the same."""

    by: Annotated[
        Literal["row", "prompt"],
        Field(description="`row`: the whole conversation; `prompt`: all but the last answer."),
    ] = "row"


class DropDuplicates(Step):
    """Keeps the first of rows with the same conversation, or with the same prompt."""

    name = "drop_duplicates"
    describe = "each row once"
    Options: ClassVar[type[DuplicateOptions]] = DuplicateOptions

    def __init__(self, options: DuplicateOptions, context: StepContext) -> None:
        super().__init__(options, context)
        self._first = FirstPlaces()

    def row(self, row: Row) -> Sequence[Row] | Removed:
        """Return the row if it is the first of its kind."""
        by_prompt = self.options.by == "prompt" and not row.is_document
        key = prompt_key(row, with_system=True) if by_prompt else int(content_id(row), 16)
        first = self._first.find_or_add(key, row.source)
        if first is None:
            return (row,)
        return Removed(f"the same {'prompt' if by_prompt else 'row'} as {first}")


@dataclass(frozen=True, kw_only=True)
class NearOptions:
    """How alike two rows must be."""

    threshold: Annotated[
        float,
        Field(ge=0.5, le=1, description="Jaccard similarity of their sets of character 5-grams."),
    ] = 0.85


class DropNearDuplicates(Step):
    """Keeps the first of rows that are nearly the same, by MinHash; the system prompt aside.

    Needs the library datasketch: ``pip install "ftcore[near-duplicates]"``.
    """

    name = "drop_near_duplicates"
    describe = "no two rows that are nearly the same"
    Options: ClassVar[type[NearOptions]] = NearOptions

    def __init__(self, options: NearOptions, context: StepContext) -> None:
        super().__init__(options, context)
        self._index = NearIndex(options.threshold)

    def row(self, row: Row) -> Sequence[Row] | Removed:
        """Return the row if none like it came before."""
        near = self._index.find_or_add(row_text(row), str(row.source))
        return (row,) if near is None else Removed(f"nearly the same as {near}")


@dataclass(frozen=True, kw_only=True)
class LengthOptions:
    """Limits in characters; unset ones do not apply."""

    min_prompt: Annotated[
        int | None,
        Field(ge=0, description="Fewest characters of all turns before the last answer."),
    ] = None
    max_prompt: Annotated[
        int | None, Field(ge=0, description="Most characters of all turns before the last answer.")
    ] = None
    min_answer: Annotated[
        int | None, Field(ge=0, description="Fewest characters of the last answer.")
    ] = None
    max_answer: Annotated[
        int | None, Field(ge=0, description="Most characters of the last answer.")
    ] = None
    max_turns: Annotated[
        int | None, Field(ge=0, description="Most turns, the system prompt aside.")
    ] = None

    def __post_init__(self) -> None:
        if all(value is None for value in vars(self).values()):
            raise ValueError("set at least one limit")


class LengthLimits(Step):
    """Removes rows that are shorter or longer than the limits; a document is its own answer."""

    name = "length_limits"
    describe = "rows of the lengths asked for"
    Options: ClassVar[type[LengthOptions]] = LengthOptions

    def row(self, row: Row) -> Sequence[Row] | Removed:
        """Return the row if it keeps to every limit."""
        turns = sum(message.role != "system" for message in row.messages)
        prompt = sum(len(message.content) for message in row.prompt)
        for what, length in (("prompt", prompt), ("answer", len(row.reference)), ("turns", turns)):
            least = getattr(self.options, f"min_{what}", None)
            most = getattr(self.options, f"max_{what}", None)
            shown = f"{length} turns" if what == "turns" else f"the {what} has {length} characters"
            if least is not None and length < least:
                return Removed(f"{shown}, fewer than {least}")
            if most is not None and length > most:
                return Removed(f"{shown}, more than {most}")
        return (row,)


@dataclass(frozen=True, kw_only=True)
class SplitTextOptions:
    """How long the pieces may be."""

    max_characters: Annotated[int, Field(ge=1, description="Most characters of a piece.")] = 2000


_BREAKS = tuple(map(re.compile, (r"\n\s*\n", r"\n", r"[.!?]\s|[。！？]", r"\s")))


class SplitTexts(Step):
    """Cuts documents (rows of the ``text`` format) into pieces, each a row of its own.

    A piece ends at the last paragraph, line, sentence or word that fits, in this order of
    preference. Joined, the pieces are the document; nothing is dropped.
    """

    name = "split_texts"
    describe = "long documents in pieces"
    Options: ClassVar[type[SplitTextOptions]] = SplitTextOptions

    def row(self, row: Row) -> Sequence[Row] | Removed:
        """Return the pieces of a document, or the row as it is."""
        if not row.is_document or len(row.reference) <= self.options.max_characters:
            return (row,)
        pieces = _pieces(row.reference, self.options.max_characters)
        return [replace(row, messages=(Message("assistant", piece),)) for piece in pieces]


def _pieces(text: str, most: int) -> list[str]:
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = _break(text, start, start + most) if len(text) - start > most else len(text)
        piece = text[start:end]
        # A piece of white space alone would be a blank row: it stays with its neighbour.
        if pieces and not (piece.strip() and pieces[-1].strip()):
            pieces[-1] += piece
        else:
            pieces.append(piece)
        start = end
    return pieces


def _break(text: str, start: int, end: int) -> int:
    """Return where the piece that begins at ``start`` ends, at ``end`` or before."""
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(text, start + 1, end)]
        if ends and ends[-1] > start + (end - start) // 2:
            return ends[-1]
    return end
