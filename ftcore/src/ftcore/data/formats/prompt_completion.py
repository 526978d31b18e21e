"""``prompt_completion``: a prompt and its completion, as text or as turns."""

from __future__ import annotations

from collections.abc import Iterable

from ftcore.data.formats.base import Format, FormatOptions, Reading, Record
from ftcore.data.formats.turns import plain_turns, required_text, system_turn
from ftcore.rendering.messages import Message, Role


class PromptCompletionFormat(Format):
    """Reads ``{"prompt", "completion"}``, each a text or a list of turns; optional ``system``."""

    name = "prompt_completion"
    describe = "prompt and completion, as text or as lists of turns; with optional system"
    columns = ("prompt", "completion", "system")

    def matches(self, record: Record) -> str | None:
        """Fit records with ``prompt`` and ``completion``."""
        if "prompt" in record and "completion" in record:
            return "it has `prompt` and `completion`"
        return None

    def read(self, record: Record, options: FormatOptions) -> Reading:
        """Return system, prompt, completion."""
        turns = (
            *system_turn(record),
            *self._side(record, "prompt", "user"),
            *self._side(record, "completion", "assistant"),
        )
        return turns, self.other_fields(record)

    def _side(self, record: Record, name: str, role: Role) -> Iterable[Message]:
        if isinstance(record.get(name), list):
            return plain_turns(record[name], name)
        return (Message(role, required_text(record, name)),)
