"""``conversations``: turns with role/content, or with from/value."""

from __future__ import annotations

from collections.abc import Mapping

from ftcore.data.formats.base import Format, FormatOptions, Reading, Record, RowProblem
from ftcore.data.formats.turns import as_list, looks_like_list, one_turn, system_turn
from ftcore.rendering.messages import Message


class ConversationsFormat(Format):
    """Reads ``{"conversations": [...]}`` with role/content or from/value turns.

    A ``system`` column, where there is one, is the system prompt.
    """

    name = "conversations"
    describe = "a list of role/content or from/value turns under `conversations`"
    columns = ("conversations", "system")

    def matches(self, record: Record) -> str | None:
        """Fit records with a list under ``conversations``."""
        if looks_like_list(record.get("conversations")):
            return "it has a list `conversations`"
        return None

    def read(self, record: Record, options: FormatOptions) -> Reading:
        """Return the turns; each turn may be written either way."""
        if "conversations" not in record:
            raise RowProblem(
                "conversations", "missing", "add a list of turns under `conversations`"
            )
        turns = [
            self._turn(turn, f"conversations[{index}]")
            for index, turn in enumerate(as_list(record["conversations"], "conversations"))
        ]
        return (*system_turn(record), *turns), self.other_fields(record)

    def _turn(self, turn: object, where: str) -> Message:
        if isinstance(turn, Mapping) and "from" in turn and "role" not in turn:
            return one_turn(turn, where, "from", "value")
        return one_turn(turn, where, "role", "content")
