"""Makes texts that nobody checked harmless: in Markdown, and where characters do not show."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_SPECIAL = re.compile(r"[\\`*\[\]<>|&~$]|(?<!\w)_|_(?!\w)")
_SPACES = re.compile(r"^ +| +$|(?<= ) +| +(?= )", re.MULTILINE)
# Control, format (zero width, direction), surrogate, private use, unassigned; separators of lines.
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # parts of ordinary words and emoji


def markdown_text(text: str) -> str:
    """Return a text as one line of Markdown that shows it literally."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], " ".join(plain(text).split()))


def markdown_code(text: str) -> str:
    """Return a text as inline code, with as many backticks as it needs."""
    text = " ".join(plain(text).split())
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}" if text else ""


def markdown_fence(text: str, language: str = "text") -> str:
    """Return a text as a fenced block that nothing inside can end."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}{language}\n{text.rstrip(chr(10))}\n{ticks}"


def plain(text: str) -> str:
    """Return a text whose unseen characters, other than line ends and tabs, are spelt out."""
    return "".join(char if char in "\n\t" else _name(char) or char for char in text)


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a shown text: as it stands, or a mark that stands for what does not show."""

    text: str
    mark: bool = False


def pieces(text: str) -> tuple[Piece, ...]:
    """Split a text into what shows and marks for what does not.

    Marked are line ends (``↵``), tabs (``→``), spaces at the ends of a line or next to another
    space (``·``), and characters without a shape (``U+200B``).
    """
    spaces = {place for found in _SPACES.finditer(text) for place in range(*found.span())}
    found: list[Piece] = []
    for place, char in enumerate(text):
        mark = "·" if place in spaces else {"\n": "↵", "\t": "→"}.get(char) or _name(char)
        last = found[-1] if found else None
        if last is not None and last.mark is bool(mark) and last.text[-1] != "\n":
            found[-1] = Piece(last.text + (mark or char), last.mark)
        else:
            found.append(Piece(mark or char, bool(mark)))
        if char == "\n":
            found.append(Piece("\n"))
    return tuple(found)


def visible(text: str) -> str:
    """Return a text with the marks of `pieces`, but for line ends, which a block shows itself."""
    return "\n".join("".join(piece.text for piece in pieces(line)) for line in text.split("\n"))


def _name(char: str) -> str:
    if char == "\xa0" or (unicodedata.category(char) in _UNSEEN and char not in _JOINERS):
        return f"U+{ord(char):04X}"
    return ""
