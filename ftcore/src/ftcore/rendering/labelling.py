"""Texts to token ids and labels, many rows at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from ftcore.rendering.byte_places import Batch, BytePlaces, Ranges
from ftcore.rendering.rendered import IGNORED, Rendered, dropped, label_row


@dataclass(slots=True)
class Draft:
    """A row between its text and its tokens; ``spans`` are the characters to supervise.

    A ``document`` is encoded with the special tokens that the tokenizer itself puts around it.
    """

    text: str
    spans: list[tuple[int, int]]
    detail: str | None = None
    document: bool = False


class Labeller:
    """Encodes drafts and labels the tokens that lie wholly inside a span."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    @cached_property
    def _places(self) -> BytePlaces | None:
        return BytePlaces.of(self._tokenizer)

    def label(self, drafts: Sequence[Draft]) -> list[Rendered]:
        """Return each draft as a row, in order; one without a UTF-8 form comes back dropped."""
        if not drafts:
            return []
        if len({draft.document for draft in drafts}) > 1:
            return [self.label([draft])[0] for draft in drafts]
        if self._places is not None and not drafts[0].document:
            return self._by_bytes(self._places, drafts)
        return self._by_offsets(drafts)

    def _by_bytes(self, places: BytePlaces, drafts: Sequence[Draft]) -> list[Rendered]:
        encodings = self._encode(self._tokenizer.encode_batch_fast, drafts)
        if encodings is None:
            return self._by_offsets(drafts)
        batch = Batch.of(encodings)
        whole = places.whole(batch, np.array([_size(draft.text) for draft in drafts], np.int64))
        spans = [
            (row, _size(draft.text[:start]), _size(draft.text[:end]))
            for row, draft in enumerate(drafts)
            for start, end in draft.spans
            if start < end and whole[row]
        ]
        rows, begin, end = np.array(spans, np.int64).reshape(-1, 3).T
        labelled = _rows(drafts, batch, rows, places.ranges(batch, rows, begin, end))
        for row in np.flatnonzero(~whole).tolist():
            labelled[row] = self._by_offsets([drafts[row]])[0]
        return labelled

    def _by_offsets(self, drafts: Sequence[Draft]) -> list[Rendered]:
        encodings = self._encode(self._tokenizer.encode_batch, drafts)
        if encodings is None:
            if len(drafts) == 1:
                detail = "the text is not valid Unicode (a lone surrogate), so it has no tokens"
                return [dropped("broken_unicode", detail, drafts[0].text)]
            return [self._by_offsets([draft])[0] for draft in drafts]
        batch = Batch.of(encodings)
        cuts = batch.starts.tolist()
        return [
            label_row(
                batch.ids[start:end],
                encoding,
                draft.text,
                draft.spans,
                draft.detail,
                draft.document,
            )
            for start, end, draft, encoding in zip(cuts, cuts[1:], drafts, encodings, strict=False)
        ]

    def _encode(
        self, encode: Callable[..., list[Encoding]], drafts: Sequence[Draft]
    ) -> list[Encoding] | None:
        """Return the encodings; None where a text has no UTF-8 form."""
        try:
            return encode([draft.text for draft in drafts], add_special_tokens=drafts[0].document)
        except (TypeError, UnicodeEncodeError):
            return None


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _rows(drafts: Sequence[Draft], batch: Batch, rows: Any, ranges: Ranges) -> list[Rendered]:
    """Label the tokens of all spans at once and cut the result into rows."""
    steps = np.zeros(len(batch.ids) + 1, np.int32)
    np.add.at(steps, ranges.first, 1)
    np.add.at(steps, ranges.last, -1)
    labels = np.where(np.cumsum(steps[:-1]) > 0, batch.ids, np.int32(IGNORED))
    supervised = np.bincount(rows, ranges.last - ranges.first, len(drafts)).astype(int).tolist()
    boundary = np.bincount(rows, ranges.straddling, len(drafts)).astype(int).tolist()
    cuts = batch.starts.tolist()
    return [
        Rendered(
            batch.ids[start:end],
            labels[start:end],
            supervised[row],
            boundary[row],
            "kept",
            None,
            draft.detail,
            draft.text,
            tuple(draft.spans),
        )
        for row, (start, end, draft) in enumerate(zip(cuts, cuts[1:], drafts, strict=False))
    ]
