"""Rows of a held-out part that training has seen: by content, by prompt, by group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ftcore.data.near_duplicates import NearIndex
from ftcore.data.row_keys import RowKeys, find_in
from ftcore.data.rows import Row
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


class HeldOut:
    """The rows of one held-out part, as far as they are compared with the training rows.

    ``near`` is the index of the training rows' prompts (`prompt_text`); it may fill up meanwhile.
    """

    def __init__(self, group: str | None = None, near: NearIndex | None = None) -> None:
        self.keys = RowKeys(group)
        self._near = near
        self._sketches: list[Any] = []

    def add(self, row: Row) -> None:
        """Take in one held-out row."""
        self.keys.add(row)
        if self._near is not None:
            self._sketches.append(self._near.sketch(prompt_text(row)))

    def leakage(self, train: RowKeys) -> Leakage:
        """Look for every row among the training rows; what is found is in the rows' order."""
        twins = find_in(train.content, self.keys.content)
        asked = find_in(train.prompt, self.keys.prompt)
        problems: list[Problem] = []
        near_prompt = 0
        suspects = (twins >= 0) | (asked >= 0) | (self._near is not None)
        for number in np.flatnonzero(suspects).tolist():
            if twins[number] >= 0:
                what = f"the row is also in training ({_place(train, twins[number])})"
            elif asked[number] >= 0:
                what = f"its prompt is also in training ({_place(train, asked[number])})"
            elif self._near is not None and (near := self._near.nearest(self._sketches[number])):
                near_prompt += 1
                what = f"its prompt is nearly that of {near} in training"
            else:
                continue
            problems.append(self._problem(number, what))
        shared = [value for value in self.keys.groups if value in train.groups]
        for value in shared:
            where = _place(train, train.groups[value])
            what = f"{train.group} {value!r} is also in training ({where})"
            problems.append(self._problem(self.keys.groups[value], what, train.group))
        return Leakage(
            same_row=int((twins >= 0).sum()),
            same_prompt=int(((asked >= 0) & (twins < 0)).sum()),
            near_prompt=None if self._near is None else near_prompt,
            same_group=len(shared),
            problems=problems,
        )

    def _problem(self, number: int, what: str, field_name: str | None = None) -> Problem:
        file, line = self.keys.place(number)
        fix = "remove it from one of the two"
        return Problem(what, file, line, field_name, fix, "data.leakage")


def prompt_text(row: Row) -> str:
    """Return what prompts are compared by: the turns before the answer, the system's aside."""
    messages = row.messages if row.is_document else row.prompt
    return "\n".join(message.content for message in messages if message.role != "system")


def _place(keys: RowKeys, number: int) -> str:
    file, line = keys.place(number)
    return f"{file}:{line}"
