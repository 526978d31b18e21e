"""``text``: plain documents for continued pre-training."""

from __future__ import annotations

from ftcore.data.formats.base import Format, FormatOptions, Reading, Record
from ftcore.data.formats.turns import required_text
from ftcore.rendering.messages import Message


class TextFormat(Format):
    """Reads ``{"text"}``: the whole document is learnt, without a chat template.

    The row is a single assistant turn, a shape that no conversation has.
    """

    name = "text"
    describe = "a plain document under `text`, for continued pre-training"
    columns = ("text",)

    def matches(self, record: Record) -> str | None:
        """Fit records with a text under ``text`` and no ``entities``."""
        if isinstance(record.get("text"), str) and "entities" not in record:
            return "it has a text `text`"
        return None

    def read(self, record: Record, options: FormatOptions) -> Reading:
        """Return the document as one assistant turn."""
        document = required_text(record, "text")
        return (Message("assistant", document),), self.other_fields(record)
