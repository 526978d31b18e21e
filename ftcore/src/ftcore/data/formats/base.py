"""What a format is: a named reader that turns one record of a file into a conversation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ftcore.rendering.messages import Message

Record = Mapping[str, Any]
Reading = tuple[tuple[Message, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text and what an answer quotes from it, in order."""

    text: str
    quotes: tuple[str, ...]


class RowProblem(Exception):
    """A record that the reader cannot take: where in the record, what is wrong, what to try."""

    def __init__(self, field: str, message: str, fix: str) -> None:
        super().__init__(f"{field}: {message} ({fix})")
        self.field = field
        self.message = message
        self.fix = fix

    def __reduce__(self) -> tuple[type[RowProblem], tuple[str, str, str]]:
        """Let the problem travel between processes."""
        return type(self), (self.field, self.message, self.fix)


@dataclass(frozen=True, slots=True)
class NerOptions:
    """The texts that turn NER records into conversations; see the recipe's ``[data.ner]``."""

    labels: tuple[str, ...] = ("PER", "ORG", "GPE", "LOC")
    instruction: str = (
        "Extract the named entities from the text. Labels: {labels}. Reply with one JSON object "
        'per line: {{"entity_text": ..., "entity_label": ...}}. If there is none, reply: {none}'
    )
    prompt: str = "{text}"
    none: str = "No entities."


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """Everything that a reader may be told.

    ``columns`` maps the format's name of a column to the file's name of it.
    """

    ner: NerOptions = NerOptions()
    alpaca_reading: Literal["role_play", "task"] = "task"
    columns: Mapping[str, str] = field(default_factory=dict)


class Format(ABC):
    """A way to write conversations down in records.

    ``name`` is what a recipe says; ``describe`` is one sentence for lists; ``columns`` are the
    columns that the reader understands (all others end in the row's ``fields``). Where the answer
    ``quotes`` the prompt, as that of an NER row does, cleaning changes both through `rewrite`.
    """

    name: ClassVar[str]
    describe: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    quotes: ClassVar[bool] = False

    @abstractmethod
    def matches(self, record: Record) -> str | None:
        """Say why ``record`` looks like this format, or return None."""

    @abstractmethod
    def read(self, record: Record, options: FormatOptions) -> Reading:
        """Return the conversation and the other fields of ``record``.

        Raises `RowProblem` for what is missing, wrongly typed or contradictory.
        """

    def quoted(self, fields: Mapping[str, Any]) -> Quoted:
        """Return the text that the answer of a row with these fields quotes, and the quotes."""
        raise NotImplementedError(f"{self.name} quotes nothing")

    def rewrite(self, fields: Mapping[str, Any], new: Quoted, options: FormatOptions) -> Reading:
        """Return the conversation and the fields anew, of another text with its quotes.

        Raises `RowProblem` where a quote does not occur in the text.
        """
        raise NotImplementedError(f"{self.name} quotes nothing")

    def prepare(self, options: FormatOptions) -> None:
        """Check ``options`` once, before the first record; raises `DataError`."""
        return

    def other_fields(self, record: Record) -> dict[str, Any]:
        """Return the columns that the reader does not understand."""
        return {key: value for key, value in record.items() if key not in self.columns}


def rename_columns(record: Record, columns: Mapping[str, str]) -> Record:
    """Give the mapped columns the names that the format knows.

    A column that a mapping pushes out keeps its place under its old name with ``original_`` in
    front, so that nothing of the record is lost.
    """
    if not columns:
        return record
    taken = set(columns.values())
    renamed: dict[str, Any] = {}
    for key, value in record.items():
        if key in taken:
            continue
        renamed[f"original_{key}" if key in columns else key] = value
    for name, source in columns.items():
        if source in record:
            renamed[name] = record[source]
    return renamed
