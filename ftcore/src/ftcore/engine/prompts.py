"""The prompts of an evaluation: as the rows stand, and with examples for the untuned model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ftcore.data.rows import Row
from ftcore.errors import DataError
from ftcore.rendering.messages import Message
from ftcore.rendering.renderer import Renderer


def write_requests(
    path: Path, rows: Sequence[Row], renderer: Renderer, examples: Sequence[Row] = ()
) -> int:
    """Write one request line (``row_id``, ``prompt_ids``) a row; returns the longest, in tokens."""
    longest = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            ids = renderer.prompt_ids(with_examples(row, examples))
            longest = max(longest, len(ids))
            file.write(json.dumps({"row_id": row.row_id, "prompt_ids": list(ids)}) + "\n")
    return longest


def with_examples(row: Row, examples: Sequence[Row]) -> tuple[Message, ...]:
    """Return the row's prompt with the examples as earlier turns.

    An example whose system prompt is not the row's carries its own in front of its first user
    turn, since a conversation has one system prompt.
    """
    if not examples:
        return row.prompt
    system = [message for message in row.prompt if message.role == "system"]
    turns: list[Message] = []
    for example in examples:
        if example.row_id == row.row_id:
            raise DataError(f"the example {example.source} is also a test row")
        turns += _example_turns(example, system)
    rest = [message for message in row.prompt if message.role != "system"]
    return (*system, *turns, *rest)


def _example_turns(example: Row, system: Sequence[Message]) -> list[Message]:
    own = [message.content for message in example.messages if message.role == "system"]
    turns = [message for message in example.messages if message.role != "system"]
    if own and own != [message.content for message in system]:
        first = turns[0]
        turns[0] = Message(first.role, f"{own[0]}\n\n{first.content}")
    return turns
