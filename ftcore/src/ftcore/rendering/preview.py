"""A rendered row in pieces that a person can look at: plain segments, ANSI colours, HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from tokenizers import Tokenizer

from ftcore.rendering.rendered import IGNORED, Rendered

Kind = Literal["prompt", "supervised", "special", "boundary"]

_ANSI = {"prompt": "2", "supervised": "32", "special": "36", "boundary": "33"}
_CSS = {
    "prompt": "color:#6b7280",
    "supervised": "background:#d1fae5;color:#065f46",
    "special": "color:#0e7490;font-weight:600",
    "boundary": "background:#fef3c7;color:#92400e",
}
_SUPERVISED_SPECIAL = "background:#d1fae5;color:#0e7490;font-weight:600"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text whose tokens are treated alike.

    ``kind`` is ``special`` for an added token, whether or not it is trained on; ``supervised``
    says that. ``boundary`` tokens are partly answer and partly template.
    """

    text: str
    kind: Kind
    supervised: bool = False


def preview_segments(rendered: Rendered, tokenizer: Tokenizer) -> list[Segment]:
    """Return a row's text as segments; joined, their texts are the whole text.

    ``tokenizer`` is the renderer's own. A row that has no tokens is one prompt segment. The
    special tokens that frame a document are segments of their own.
    """
    text = rendered.text
    if not len(rendered.input_ids):
        return [Segment(text, "prompt")] if text else []
    added = set(tokenizer.get_added_tokens_decoder())
    encoding = tokenizer.encode(text, add_special_tokens=rendered.document)
    pieces: list[Segment] = []
    position = 0
    labels = rendered.labels.tolist()
    for number, (token, (left, right)) in enumerate(
        zip(encoding.ids, encoding.offsets, strict=True)
    ):
        supervised = labels[number] != IGNORED
        if left == right and rendered.document and token in added:
            pieces.append(Segment(tokenizer.id_to_token(token) or "", "special", supervised))
        if right <= position:
            continue  # another byte of a character that is shown already
        pieces.append(
            Segment(
                text[position:right],
                _kind(token in added, supervised, left, right, rendered.spans),
                supervised,
            )
        )
        position = right
    if position < len(text):
        pieces.append(Segment(text[position:], "prompt"))
    return _joined(pieces)


def to_ansi(segments: Iterable[Segment]) -> str:
    """Return the segments for a terminal: answers green, what is trained on underlined too."""
    parts = []
    for segment in segments:
        codes = _ANSI[segment.kind] + (";4" if segment.supervised else "")
        # One colour a line: a pager or a wrapped terminal must not carry it over.
        lines = visible(segment.text).split("\n")
        parts.append("\n".join(f"\x1b[{codes}m{line}\x1b[0m" if line else "" for line in lines))
    return "".join(parts)


def to_html(segments: Iterable[Segment]) -> str:
    """Return the segments as one self-contained ``<pre>`` element."""
    parts = []
    for segment in segments:
        style = _CSS[segment.kind]
        if segment.kind == "special" and segment.supervised:
            style = _SUPERVISED_SPECIAL
        text = escape(visible(segment.text))
        parts.append(f'<span class="ft-{segment.kind}" style="{style}">{text}</span>')
    return f'<pre class="ft-row" style="white-space:pre-wrap">{"".join(parts)}</pre>'


def visible(text: str) -> str:
    """Return ``text`` with control characters as pictures; a newline is shown and kept."""
    return "".join(_picture(character) for character in text)


def _picture(character: str) -> str:
    code = ord(character)
    if character == "\n":
        return "⏎\n"
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    # C1 controls steer some terminals; bidirectional controls reorder what is read; lone
    # surrogates cannot be printed at all.
    if 0x80 <= code < 0xA0 or 0xD800 <= code < 0xE000 or code in _BIDIRECTIONAL:
        return f"\\u{code:04x}"
    return character


_BIDIRECTIONAL = frozenset((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F))


def _kind(
    special: bool, supervised: bool, left: int, right: int, spans: Sequence[tuple[int, int]]
) -> Kind:
    if special:
        return "special"
    if supervised:
        return "supervised"
    if any(left < end and right > start for start, end in spans):
        return "boundary"
    return "prompt"


def _joined(pieces: Iterable[Segment]) -> list[Segment]:
    """Join neighbours of one kind; special tokens stay apart, so that each can be seen."""
    joined: list[Segment] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last.kind == piece.kind != "special" and last.supervised == piece.supervised:
            joined[-1] = Segment(last.text + piece.text, piece.kind, piece.supervised)
        else:
            joined.append(piece)
    return joined
