"""What a cleaning step is: a named class that looks at one row after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ftcore.data.formats.base import Format, FormatOptions, Quoted, RowProblem
from ftcore.data.rows import Row
from ftcore.data.split import unit_hash
from ftcore.rendering.messages import Message, Role

T = TypeVar("T")
ALL_ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@dataclass(frozen=True)
class NoOptions:
    """The options of a step that has none."""


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step may know besides its rows.

    ``seed`` is ``data.split.seed``; ``place`` is the step's number in the recipe, so that one step
    used twice draws differently; ``base`` is the folder that relative paths start from. ``quoting``
    is there for rows whose answers quote the prompt (entities, say): a step that changes their
    texts goes through it, so that both stay in agreement.
    """

    seed: int = 0
    place: int = 0
    base: Path = Path()
    quoting: Quoting | None = None

    def chance(self, key: str) -> Chance:
        """Return the numbers that belong to ``key``, usually a row id."""
        return Chance(self.seed, f"{self.place}\0{key}")


class Chance:
    """Numbers in [0, 1) that follow from seed and key alone, on every machine and Python."""

    def __init__(self, seed: int, key: str) -> None:
        self._seed, self._key, self._drawn = seed, key, 0

    def draw(self) -> float:
        """Return the next number."""
        self._drawn += 1
        return unit_hash("clean", self._seed, f"{self._key}\0{self._drawn}")

    def pick(self, items: Sequence[T]) -> T:
        """Return one of ``items``."""
        return items[int(self.draw() * len(items))]


@dataclass(frozen=True, slots=True)
class Removed:
    """Says that a row is taken out, and why, in a few words."""

    why: str


@dataclass(frozen=True, slots=True)
class Quoting:
    """Changes rows of a format whose answers quote the prompt."""

    format: Format
    options: FormatOptions

    def of(self, row: Row) -> Quoted:
        """Return the text that is quoted, and the quotes."""
        return self.format.quoted(row.fields)

    def rewrite(self, row: Row, new: Quoted) -> Row | Removed:
        """Return ``row`` with another text; removed where a quote does not occur in it."""
        if new == self.of(row):
            return row
        try:
            messages, fields = self.format.rewrite(row.fields, new, self.options)
        except RowProblem as problem:
            return Removed(problem.message)
        return replace(row, messages=messages, fields=fields)

    def agrees(self, row: Row) -> bool:
        """Whether the conversation still says what the fields say."""
        messages, _ = self.format.rewrite(row.fields, self.of(row), self.options)
        return messages == row.messages


class Step(ABC):
    """A cleaning step; one object is made for each use in a recipe, so it may keep state.

    ``name`` is what a recipe says, ``describe`` one sentence for lists. ``Options`` is a frozen
    dataclass: its fields are the options, checked against their types (pydantic's annotations
    included) before any row is read.
    A step that ``augments`` adds rows to the training part; it runs after the split, as does every
    step behind it.
    """

    name: ClassVar[str]
    describe: ClassVar[str]
    augments: ClassVar[bool] = False
    Options: ClassVar[type[Any]] = NoOptions

    def __init__(self, options: Any, context: StepContext) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def row(self, row: Row) -> Sequence[Row] | Removed:
        """Return what stands in the place of ``row``.

        The first row returned is ``row`` itself, or what became of it; further ones are added.
        Return the very object where nothing changes. Raises `DataError` for files that the options
        name and that cannot be read (better in ``__init__``).
        """

    def note(self) -> str | None:
        """Say, after the last row, what the counts do not tell."""
        return None


class TextStep(Step):
    """A step that changes the text of single messages, those of ``options.roles`` if it has any.

    Where the answer quotes the prompt, the text and its quotes are changed instead, each by itself.
    """

    @abstractmethod
    def text(self, text: str) -> str:
        """Return what becomes of one content."""

    def row(self, row: Row) -> Sequence[Row] | Removed:
        """Return the row with its contents changed."""
        roles = getattr(self.options, "roles", ALL_ROLES)
        quoting = self.context.quoting
        if quoting is None:
            return (
                with_contents(row, lambda m: self.text(m.content) if m.role in roles else None),
            )
        if "user" not in roles:
            return (row,)
        old = quoting.of(row)
        new = Quoted(self.text(old.text), tuple(map(self.text, old.quotes)))
        changed = quoting.rewrite(row, new)
        return changed if isinstance(changed, Removed) else (changed,)


def with_contents(row: Row, change: Callable[[Message], str | None]) -> Row:
    """Return ``row`` with new contents; ``change`` returns None for a message to leave alone.

    The row itself comes back where nothing changes.
    """
    messages = []
    changed = False
    for message in row.messages:
        content = change(message)
        if content is None or content == message.content:
            messages.append(message)
        else:
            messages.append(replace(message, content=content))
            changed = True
    return replace(row, messages=tuple(messages)) if changed else row
