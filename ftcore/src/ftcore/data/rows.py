"""A row of data after reading: a conversation, what else the row said, and where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ftcore.rendering.messages import Message

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row was read: the file as the recipe names it, and the line (or record) from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation with its provenance.

    ``row_id`` is the content hash of the messages (16 hex digits), with ``-2``, ``-3``, ... for
    later copies of the same content. ``fields`` holds every other column of the record, such as
    ``entities``, ``database`` or ``slice``: metrics read it, rendering does not.
    """

    row_id: str
    messages: tuple[Message, ...]
    source: Source
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_document(self) -> bool:
        """Whether the row is plain text to continue from, not a conversation."""
        return len(self.messages) == 1 and self.messages[0].role == "assistant"

    @property
    def reference(self) -> str:
        """The last assistant turn: what a prediction is compared with."""
        return self.messages[-1].content if self.messages[-1].role == "assistant" else ""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The conversation without its last assistant turn."""
        return self.messages[:-1] if self.messages[-1].role == "assistant" else self.messages


class CopyNumbers:
    """Gives later copies of one content their number: ``<hash>-2``, ``<hash>-3``, ..."""

    def __init__(self) -> None:
        self._seen: set[int] = set()  # numbers, not texts: a million of them fit into 70 MiB
        self._copies: dict[int, int] = {}

    def suffix(self, content: int) -> str:
        """Return what a row of this content id gets behind it; nothing for the first one."""
        if content not in self._seen:
            self._seen.add(content)
            return ""
        count = self._copies[content] = self._copies.get(content, 1) + 1
        return f"-{count}"

    def suffixes(self, contents: Sequence[int]) -> list[str] | None:
        """Return the suffix of each content; None where none has one."""
        fresh = set(contents)
        if len(fresh) == len(contents) and self._seen.isdisjoint(fresh):
            self._seen |= fresh
            return None
        return [self.suffix(content) for content in contents]

    def numbered(self, row: Row) -> Row:
        """Return a row with the number of its copy; its id is the content's hash so far."""
        suffix = self.suffix(int(row.row_id, 16))
        return replace(row, row_id=f"{row.row_id}{suffix}") if suffix else row


def content_id(row: Row) -> str:
    """Return the row's content hash, the same for all copies of one content."""
    return row.row_id[:16]


def content_hash(messages: tuple[Message, ...]) -> str:
    """Return 16 hex digits of the SHA-256 of the messages' canonical JSON."""
    text = _encode([message.to_json() for message in messages])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
