"""Rows of a held-out part that training has seen: by content, by prompt, by group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ftcore.data.near_duplicates import NearIndex
from ftcore.data.rows import Row
from ftcore.data.split import content_id
from ftcore.errors import Problem


@dataclass(frozen=True, slots=True)
class Leakage:
    """How many held-out rows training has seen, and each as a problem.

    ``same_row`` counts rows whose whole content is in training, ``same_prompt`` those of which
    only the prompt is, ``near_prompt`` those with nearly the prompt of a training row (None: not
    looked for), ``same_group`` the values of the group field that are in both.
    """

    same_row: int = 0
    same_prompt: int = 0
    near_prompt: int | None = None
    same_group: int = 0
    problems: list[Problem] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.problems)


class TrainingIndex:
    """Remembers training rows by digests and places, so that any number of them can pass.

    ``near`` is the similarity from which on prompts are nearly the same (`NearIndex`); None does
    not look for it.
    """

    def __init__(self, group: str | None = None, near: float | None = None) -> None:
        self._group = group
        self._near = None if near is None else NearIndex(near)
        self._rows: dict[str, str] = {}
        self._prompts: dict[bytes, str] = {}
        self._groups: dict[str, str] = {}

    def add(self, row: Row) -> None:
        """Take in one training row."""
        place = str(row.source)
        self._rows.setdefault(content_id(row), place)
        self._prompts.setdefault(prompt_key(row), place)
        if self._near is not None:
            self._near.add(prompt_text(row), place)
        if self._group and row.fields.get(self._group) is not None:
            self._groups.setdefault(str(row.fields[self._group]), place)

    def find(self, held_out: Iterable[Row]) -> Leakage:
        """Look for every row of ``held_out`` among the training rows."""
        problems: list[Problem] = []
        same_row = same_prompt = near_prompt = 0
        shared: dict[str, Row] = {}
        for row in held_out:
            twin, asked = self._rows.get(content_id(row)), self._prompts.get(prompt_key(row))
            if twin is not None:
                same_row += 1
                problems.append(_problem(row, f"the row is also in training ({twin})"))
            elif asked is not None:
                same_prompt += 1
                problems.append(_problem(row, f"its prompt is also in training ({asked})"))
            elif self._near is not None and (near := self._near.find(prompt_text(row))):
                near_prompt += 1
                problems.append(_problem(row, f"its prompt is nearly that of {near} in training"))
            value = str(row.fields.get(self._group)) if self._group else ""
            if value in self._groups:
                shared.setdefault(value, row)
        for value, row in shared.items():
            what = f"{self._group} {value!r} is also in training ({self._groups[value]})"
            problems.append(_problem(row, what, self._group))
        looked = None if self._near is None else near_prompt
        return Leakage(same_row, same_prompt, looked, len(shared), problems)


def find_leakage(train: Iterable[Row], test: Sequence[Row], *, group: str | None = None) -> Leakage:
    """Look for rows of ``test`` in ``train``; ``group`` names a field such as ``database``."""
    index = TrainingIndex(group)
    for row in train:
        index.add(row)
    return index.find(test)


def prompt_text(row: Row) -> str:
    """Return what prompts are compared by: the turns before the answer, the system's aside."""
    messages = row.messages if row.is_document else row.prompt
    return "\n".join(message.content for message in messages if message.role != "system")


def prompt_key(row: Row, *, with_system: bool = False) -> bytes:
    """Return 16 bytes that are equal for rows with one prompt, white space at the ends aside.

    For leakage the system prompt does not count: the same question under another instruction is
    known already. For contradictory answers it does (``with_system``).
    """
    state = hashlib.blake2b(digest_size=16)
    for message in row.messages if row.is_document else row.prompt:
        if with_system or message.role != "system":
            text = f"{message.role}\0{message.content.strip()}\0"
            state.update(text.encode("utf-8", "surrogatepass"))
    return state.digest()


def _problem(row: Row, what: str, field_name: str | None = None) -> Problem:
    return Problem(
        what,
        file=row.source.file,
        line=row.source.line,
        field=field_name,
        fix="remove it from one of the two",
        code="data.leakage",
    )
