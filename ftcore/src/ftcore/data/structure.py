"""What must hold for every conversation, whatever format it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ftcore.data.formats.base import RowProblem
from ftcore.rendering.messages import Message

ODD_CHARACTERS = "data.characters"  # code of the warning
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ud800-\udfff]")


def check_structure(messages: Sequence[Message], *, document: bool = False) -> None:
    """Raise `RowProblem` unless the conversation can be trained on.

    At most one system turn, first; then user turns answered by the assistant, tools in between;
    the last turn is an answer that is not blank; at least one answer has weight 1. With
    ``document`` (the ``text`` format) a single assistant turn is right.
    """
    if document:
        _check_blank(messages[0], "text")
        return
    if not messages:
        raise RowProblem("messages", "the conversation is empty", "add a question and an answer")
    before = ""
    learns = False
    for index, message in enumerate(messages):
        role = message.role
        if role == "system":
            if index:
                raise _turn(index, "a system turn that is not the first", "merge it into the first")
        elif role == "user":
            if before == "user":
                raise _turn(index, "two user turns in a row", "merge them, or add the answer")
            if before == "tool":
                raise _turn(index, "a user turn right after a tool's", "add the assistant's answer")
            if not message.content.strip():
                raise _turn(index, "the user turn is blank", "fill it, or remove the row")
        elif role == "assistant":
            if before in ("", "system"):
                raise _turn(index, "an answer without a question", "add the user turn before it")
            if before == "assistant":
                raise _turn(index, "two assistant turns in a row", "merge them")
            if message.weight:
                learns = True
                _check_blank(message, f"messages[{index}]")
        elif before not in ("assistant", "tool"):
            raise _turn(index, "a tool turn that follows no assistant turn", "reorder the turns")
        before = role
    if before != "assistant":
        raise RowProblem(
            f"messages[{len(messages) - 1}]",
            f"the row has no answer: it ends with the {before} turn",
            "add the assistant's answer, or remove the row",
        )
    if not learns:
        raise RowProblem(
            "messages", "every answer has weight 0: there is nothing to learn", "set one to 1"
        )


def check_characters(messages: Sequence[Message]) -> list[tuple[str, str, str]]:
    """Return ``(field, what, fix)`` for odd characters; raise `RowProblem` for broken Unicode.

    Half of a surrogate pair cannot be encoded, hence not be tokenised; control characters and
    U+FFFD are legal but nearly always damage.
    """
    found: list[tuple[str, str, str]] = []
    for index, message in enumerate(messages):
        if message.content.isascii() and message.content.isprintable():
            continue
        odd = _ODD.search(message.content)
        if odd is None:
            continue
        half = next((c for c in message.content if "\ud800" <= c <= "\udfff"), None)
        place = f"messages[{index}]"
        if half is not None:
            raise RowProblem(
                place,
                f"broken Unicode: U+{ord(half):04X}, half of a surrogate pair",
                "write the whole character",
            )
        code = ord(odd.group())
        what = "U+FFFD, a character lost in a conversion" if code == 0xFFFD else None
        found.append(
            (
                place,
                what or f"control character U+{code:04X} at character {odd.start() + 1}",
                "read the source with its own encoding" if what else "remove it",
            )
        )
    return found


def _check_blank(message: Message, where: str) -> None:
    if not message.content.strip():
        raise RowProblem(where, "the answer is blank", "write the answer, or remove the row")


def _turn(index: int, what: str, fix: str) -> RowProblem:
    return RowProblem(f"messages[{index}]", what, fix)
