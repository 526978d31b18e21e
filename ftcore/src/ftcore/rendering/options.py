"""The decisions about rendering that a recipe takes; they are part of the stream's identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ftcore.rendering.messages import Message


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How rows become tokens.

    ``max_length`` bounds the whole row, in tokens. ``overlong`` says what happens beyond it:
    ``drop`` and ``error`` both give a dropped row with reason ``overlong`` (whoever asked for
    ``error`` raises it, with the row's place); ``truncate_prompt`` shortens the prompt.
    ``supervise`` chooses all assistant turns of weight 1, or only the last turn.
    ``system`` None leaves the system prompt to the row and the template's default; a text, even
    an empty one, becomes the system message of every row that has none.
    """

    max_length: int | None = None
    overlong: Literal["error", "drop", "truncate_prompt"] = "error"
    supervise: Literal["all", "last"] = "all"
    system: str | None = None

    def with_system(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return the conversation with the system message that these options ask for."""
        if self.system is None or any(message.role == "system" for message in messages):
            return messages
        return (Message("system", self.system), *messages)

    def supervised_messages(self, messages: Sequence[Message]) -> frozenset[int]:
        """Return the numbers of the messages to supervise."""
        turns = [number for number, message in enumerate(messages) if message.role == "assistant"]
        if self.supervise == "last":
            turns = turns[-1:]
        return frozenset(number for number in turns if messages[number].weight)
