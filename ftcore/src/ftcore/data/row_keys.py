"""What many rows are compared by, 24 bytes a row: content, prompt, and the place it came from."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ftcore.data.rows import Row, Source, content_id

Keys = NDArray[np.uint64]
Numbers = NDArray[np.int64]


class RowKeys:
    """The keys of rows, in order; number n is the n-th row that was added.

    Keys are 64 bits of a hash: among a million rows, two of different content share one with a
    probability of 3e-8. ``group`` names a field; of each of its values the first row is kept.
    """

    def __init__(self, group: str | None = None, rows: Iterable[Row] = ()) -> None:
        self.group = group
        self.groups: dict[str, int] = {}
        self._content: array[int] = array("Q")
        self._prompt: array[int] = array("Q")
        self._file: array[int] = array("I")
        self._line: array[int] = array("I")
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        for row in rows:
            self.add(row)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._content)

    @property
    def content(self) -> Keys:
        """The key of each row's whole content."""
        return np.frombuffer(self._content, np.uint64)

    @property
    def prompt(self) -> Keys:
        """The key of each row's prompt, the system's turn aside; see `prompt_key`."""
        return np.frombuffer(self._prompt, np.uint64)

    def add(self, row: Row) -> None:
        """Take in one row."""
        if self.group and row.fields.get(self.group) is not None:
            self.groups.setdefault(str(row.fields[self.group]), len(self))
        self._content.append(int(content_id(row), 16))
        self._prompt.append(prompt_key(row))
        self._file.append(self._number(row.source.file))
        self._line.append(row.source.line)

    def merge(self, other: RowKeys) -> None:
        """Put the rows of ``other`` behind these."""
        for value, number in other.groups.items():
            self.groups.setdefault(value, len(self) + number)
        names = [self._number(name) for name in other._names]
        self._file.extend(names[number] for number in other._file)
        self._line.extend(other._line)
        self._content.extend(other._content)
        self._prompt.extend(other._prompt)

    def place(self, number: int) -> tuple[str, int]:
        """Return file and line of a row."""
        return self._names[self._file[number]], self._line[number]

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
        return self._numbers[name]


class FirstPlaces:
    """Where each key was first seen, some 150 bytes a key."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._files: dict[str, int] = {}

    def find_or_add(self, key: int, source: Source) -> str | None:
        """Return the place of an earlier row with this key; None after adding a new one."""
        first = self._first.get(key)
        if first is None:
            number = self._files.setdefault(source.file, len(self._files))
            self._first[key] = number << 48 | source.line
            return None
        return f"{list(self._files)[first >> 48]}:{first & (1 << 48) - 1}"


def prompt_key(row: Row, *, with_system: bool = False) -> int:
    """Return 64 bits that are equal for rows with one prompt, white space at the ends aside.

    For leakage the system prompt does not count: the same question under another instruction is
    known already. For contradictory answers it does (``with_system``).
    """
    state = hashlib.blake2b(digest_size=8)
    for message in row.messages if row.is_document else row.prompt:
        if with_system or message.role != "system":
            text = f"{message.role}\0{message.content.strip()}\0"
            state.update(text.encode("utf-8", "surrogatepass"))
    return int.from_bytes(state.digest(), "little")


def first_with(keys: Keys) -> Numbers:
    """Return, for each row, the number of the first row with its key."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    begins = np.ones(len(keys), bool)
    begins[1:] = ranked[1:] != ranked[:-1]
    first = np.empty(len(keys), np.int64)
    first[order] = order[begins][np.cumsum(begins) - 1]
    return first


def find_in(known: Keys, asked: Keys) -> Numbers:
    """Return, for each key asked for, the first number at which ``known`` has it, or -1."""
    if not len(known):
        return np.full(len(asked), -1, np.int64)
    order = np.argsort(known, kind="stable")
    places = np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)
    return np.where(known[order[places]] == asked, order[places], -1)
