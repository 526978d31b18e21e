"""One rendered row, and how character places become token labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

IGNORED = -100
Status = Literal["kept", "cut", "dropped"]


@dataclass(slots=True)
class Rendered:
    """A conversation as the model sees it.

    ``input_ids`` and ``labels`` are int32 of one length; a label is the id where the token is
    supervised and -100 elsewhere. ``supervised`` counts the former; ``boundary`` counts tokens
    that are partly answer and partly template, and therefore not supervised. ``spans`` are the
    supervised (start, end) characters of ``text``. ``reason`` is a stable word for a row that
    was cut or dropped (``overlong``, ``answer_too_long``, ``no_supervised_tokens``,
    ``template``, ``broken_unicode``), ``detail`` the sentence for a person; a kept row has a
    detail where the template leaves one of its messages out. A dropped row keeps
    what could be rendered of it, for the preview; only its status counts. ``document`` marks
    plain text, which the tokenizer's own special tokens frame.
    """

    input_ids: NDArray[np.int32]
    labels: NDArray[np.int32]
    supervised: int
    boundary: int
    status: Status
    reason: str | None
    detail: str | None
    text: str
    spans: tuple[tuple[int, int], ...]
    document: bool = False


def dropped(reason: str, detail: str, text: str = "") -> Rendered:
    """Return a row that could not be turned into tokens."""
    nothing = np.zeros(0, dtype=np.int32)
    return Rendered(nothing, nothing, 0, 0, "dropped", reason, detail, text, ())


def label_row(
    ids: NDArray[np.int32],
    encoding: Encoding,
    text: str,
    spans: Iterable[tuple[int, int]],
    detail: str | None = None,
    document: bool = False,
) -> Rendered:
    """Return the row with the tokens that lie wholly inside a span supervised."""
    labels = np.full(len(ids), IGNORED, dtype=np.int32)
    supervised = boundary = 0
    spans = tuple(spans)
    for start, end in spans:
        first, last, straddling = token_range(encoding, len(text), start, end)
        labels[first:last] = ids[first:last]
        supervised += last - first
        boundary += straddling
    return Rendered(ids, labels, supervised, boundary, "kept", None, detail, text, spans, document)


def token_range(encoding: Encoding, length: int, start: int, end: int) -> tuple[int, int, int]:
    """Return (first, last, straddling) for the characters ``start:end`` of a text.

    Tokens ``first:last`` lie wholly inside; ``straddling`` tokens lie partly inside. ``length``
    is that of the text in characters. Tokens that share one character (the bytes of a multi-byte
    character, a word and the space mark put in front of it) share its place.
    """
    if start == end:
        return 0, 0, 0
    first = encoding.char_to_token(start)
    last = len(encoding) if end == length else encoding.char_to_token(end)
    if first is None or last is None:
        return _scan(encoding.offsets, start, end)
    straddling = 0
    while first < last and _offset(encoding, first) < start:
        first += 1
        straddling += 1
    number = last
    while number < len(encoding) and _offset(encoding, number) < end:
        number += 1
        straddling += 1
    return first, last, straddling


def _offset(encoding: Encoding, number: int) -> int:
    place = encoding.token_to_chars(number)
    return place[0] if place else 0


def _scan(offsets: list[tuple[int, int]], start: int, end: int) -> tuple[int, int, int]:
    """Do the work of :func:`token_range` where a normaliser removed the characters asked for."""
    inside = [
        number for number, (left, right) in enumerate(offsets) if start <= left < right <= end
    ]
    touching = sum(left < end and right > start for left, right in offsets)
    if not inside:
        return 0, 0, touching
    return inside[0], inside[-1] + 1, touching - len(inside)
