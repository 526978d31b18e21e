"""``messages``: a list of ``{"role", "content"}`` turns."""

from __future__ import annotations

from ftcore.data.formats.base import Format, FormatOptions, Reading, Record, RowProblem
from ftcore.data.formats.turns import looks_like_list, plain_turns


class MessagesFormat(Format):
    """Reads ``{"messages": [{"role": "user", "content": "..."}, ...]}``.

    A turn may carry ``weight`` 0 (context only) or 1 (learn; the default).
    """

    name = "messages"
    describe = "a list of role/content turns under `messages`"
    columns = ("messages",)

    def matches(self, record: Record) -> str | None:
        """Fit records with a list under ``messages``."""
        if looks_like_list(record.get("messages")):
            return "it has a list `messages`"
        return None

    def read(self, record: Record, options: FormatOptions) -> Reading:
        """Return the turns as they stand."""
        if "messages" not in record:
            raise RowProblem("messages", "missing", "add a list of turns under `messages`")
        return tuple(plain_turns(record["messages"], "messages")), self.other_fields(record)
