"""``query_response``: a question, its answer, and the earlier exchanges."""

from __future__ import annotations

from ftcore.data.formats.base import Format, FormatOptions, Reading, Record
from ftcore.data.formats.turns import history_turns, required_text, system_turn
from ftcore.rendering.messages import Message


class QueryResponseFormat(Format):
    """Reads ``{"query", "response", "history": [[query, response], ...]}``, optional ``system``."""

    name = "query_response"
    describe = "query and response, with optional history and system"
    columns = ("query", "response", "history", "system")

    def matches(self, record: Record) -> str | None:
        """Fit records with ``query`` and ``response``."""
        if "query" in record and "response" in record:
            return "it has `query` and `response`"
        return None

    def read(self, record: Record, options: FormatOptions) -> Reading:
        """Return system, earlier exchanges, question, answer."""
        turns = (
            *system_turn(record),
            *history_turns(record),
            Message("user", required_text(record, "query")),
            Message("assistant", required_text(record, "response")),
        )
        return turns, self.other_fields(record)
