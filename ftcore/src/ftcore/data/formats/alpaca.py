"""``alpaca``: instruction, input and output, in one of two readings that the recipe names."""

from __future__ import annotations

from ftcore.data.formats.base import Format, FormatOptions, Reading, Record, RowProblem
from ftcore.data.formats.turns import (
    history_turns,
    optional_text,
    required_text,
    system_turn,
)
from ftcore.rendering.messages import Message


class AlpacaFormat(Format):
    """Reads ``{"instruction", "input", "output"}`` with optional ``system`` and ``history``.

    Reading ``task``: the user says the instruction and, on the next line, the input. Reading
    ``role_play``: the instruction is the system prompt and the input is what the user says.
    """

    name = "alpaca"
    describe = "instruction, input, output; with optional system and history"
    columns = ("instruction", "input", "output", "system", "history")

    def matches(self, record: Record) -> str | None:
        """Fit records with ``instruction`` and ``output``."""
        if "instruction" in record and "output" in record:
            return "it has `instruction` and `output`"
        return None

    def read(self, record: Record, options: FormatOptions) -> Reading:
        """Return the conversation in the reading that the options name."""
        instruction = required_text(record, "instruction")
        words = optional_text(record, "input")
        answer = Message("assistant", required_text(record, "output"))
        if options.alpaca_reading == "role_play":
            if optional_text(record, "system"):
                raise RowProblem(
                    "system",
                    "the role_play reading takes `instruction` as the system prompt, and the "
                    "record has a `system` as well",
                    'merge them, or set data.alpaca.reading = "task"',
                )
            system = [Message("system", instruction)] if instruction else []
            user = words
        else:
            system = list(system_turn(record))
            user = "\n".join(part for part in (instruction, words) if part)
        turns = (*system, *history_turns(record), Message("user", user), answer)
        return turns, self.other_fields(record)
