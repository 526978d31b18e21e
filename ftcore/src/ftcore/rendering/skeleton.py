"""What a chat template writes around the contents of one sequence of roles.

The template is rendered once with a mark in place of every content. Most templates treat content
as opaque, so the text around the marks, cached by role sequence, tells where each real content
lies: a row's text is compared with what the skeleton predicts, and only if both are equal are
the places trusted. Rows that differ are located one by one (``turns.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ftcore.errors import DataError
from ftcore.rendering.template import ChatTemplate

# Private-use characters: they occur in no template, and no real content is rendered with them.
_OPEN, _CLOSE = "\U000f5f17", "\U000f5f18"
_MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_PAD_LEFT, _PAD_RIGHT = "\n \t", "\t \n"


@dataclass(frozen=True, slots=True)
class Slot:
    """One place where a template prints a content.

    ``before`` is the literal text in front of it, ``message`` the number of the turn whose
    content it is; ``left`` and ``right`` say whether white space is stripped there.
    """

    before: str
    message: int
    left: bool
    right: bool

    def shown(self, content: str) -> str:
        """Return the content as the template prints it."""
        if self.left:
            content = content.lstrip()
        return content.rstrip() if self.right else content


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The literal text of a rendering, with a slot for every content; ``end`` closes it."""

    slots: tuple[Slot, ...]
    end: str

    def after(self, number: int) -> str:
        """Return the literal text that follows the slot with this number."""
        return self.slots[number + 1].before if number + 1 < len(self.slots) else self.end

    def compose(self, contents: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
        """Return the text with these contents, and each slot's (start, end) in it."""
        parts: list[str] = []
        places: list[tuple[int, int]] = []
        position = 0
        for slot in self.slots:
            content = slot.shown(contents[slot.message])
            position += len(slot.before)
            places.append((position, position + len(content)))
            position += len(content)
            parts += (slot.before, content)
        parts.append(self.end)
        return "".join(parts), places

    def places(self, text: str, contents: Sequence[str]) -> list[tuple[int, int]] | None:
        """Return each slot's (start, end) in ``text``; None where the text is not as predicted."""
        predicted, places = self.compose(contents)
        return places if predicted == text else None


def mark(number: int) -> str:
    """Return the text that stands for the content of the turn with this number."""
    return f"{_OPEN}{number}{_CLOSE}"


def build_skeleton(template: ChatTemplate, roles: Sequence[str]) -> Skeleton | None:
    """Return the skeleton of a sequence of roles.

    None where the template refuses the marks, or does not print each assistant turn exactly
    once: such templates look into the content, and each row has to be located for itself.
    """
    bare = _render_marked(template, roles, "", "")
    padded = _render_marked(template, roles, _PAD_LEFT, _PAD_RIGHT)
    if bare is None or padded is None:
        return None
    found = [int(match[1]) for match in _MARK.finditer(bare)]
    padded_matches = list(_MARK.finditer(padded))
    turns = [number for number, role in enumerate(roles) if role == "assistant"]
    if [number for number in found if number in turns] != turns:
        return None
    if found != [int(match[1]) for match in padded_matches]:
        return None
    literals = _MARK.split(bare)[::2]
    slots = tuple(
        Slot(
            before=literal,
            message=number,
            left=not padded[: match.start()].endswith(_PAD_LEFT),
            right=not padded.startswith(_PAD_RIGHT, match.end()),
        )
        for literal, number, match in zip(literals, found, padded_matches, strict=False)
    )
    return Skeleton(slots, literals[-1])


def _render_marked(
    template: ChatTemplate, roles: Sequence[str], left: str, right: str
) -> str | None:
    data = [
        {"role": role, "content": f"{left}{mark(number)}{right}"}
        for number, role in enumerate(roles)
    ]
    try:
        return template.render_data(data)
    except DataError:
        return None
