"""The file of votes: one JSON object a line, only ever appended to, whole lines only."""

from __future__ import annotations

import fcntl
import json
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from ftcore.errors import InputError

VERSION = 1
TIE = "tie"
MODEL = "model:"
LONGEST_NAME = 60
Action = Literal["vote", "skip", "undo", "reopen", "unreadable"]


@dataclass(frozen=True, slots=True)
class Vote:
    """What a rater did, as one line of ``votes.jsonl``.

    ``winner`` is one of the contest's names or "tie" where ``action`` is "vote". ``pair`` is the
    key of the texts that were seen. Of people: ``left`` is who stood as answer 1, ``reference``
    says whether the reference was looked at, ``seconds`` how long it took. Of models: ``orders``
    are the winners with either answer first, ``judge`` is a hash of model, endpoint and rubric.
    "reopen" asks for the skipped rows again; "unreadable" is a model without a verdict.
    """

    time: float
    rater: str
    action: Action
    row_id: str | None = None
    pair: str | None = None
    winner: str | None = None
    left: str | None = None
    reference: bool = False
    seconds: float | None = None
    orders: tuple[str, str] | None = None
    judge: str | None = None

    @property
    def by_model(self) -> bool:
        """Whether a model voted."""
        return self.rater.startswith(MODEL)

    def to_json(self) -> dict[str, Any]:
        """Return the line as plain data, without what does not apply."""
        given = asdict(self).items()
        kept = {name: value for name, value in given if value is not None and value is not False}
        return {"version": VERSION, **kept}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Vote:
        """Return the vote of a line; ValueError where it is none."""
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        if data.get("version") != VERSION or values.get("action") not in get_args(Action):
            raise ValueError("not a vote of this version")
        if not isinstance(values.get("time"), int | float) or not isinstance(
            values.get("rater"), str
        ):
            raise ValueError("a vote needs a time and a rater")
        if "orders" in values:
            values["orders"] = tuple(values["orders"])
        return cls(**values)


class VoteFile:
    """``votes.jsonl``: read as a whole, appended line by line, also by several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[list[Vote], int]:
        """Return the votes in order and how many lines are damaged."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return [], 0
        votes, damaged = [], 0
        for line in text.split(b"\n"):
            if not line.strip():
                continue
            try:
                votes.append(Vote.from_json(json.loads(line)))
            except (ValueError, TypeError, AttributeError):
                damaged += 1
        return votes, damaged

    def append(self, vote: Vote) -> None:
        """Add one vote; it is on the disk when this returns."""
        line = json.dumps(vote.to_json(), ensure_ascii=True, allow_nan=False).encode() + b"\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            # A process that died in the middle of a line must not swallow this one.
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            written = os.write(descriptor, line)
            if written != len(line):
                os.ftruncate(descriptor, size)
                raise OSError(f"{self.path}: only part of a vote could be written")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def rater_name(given: str, known: Iterable[str] = ()) -> str:
    """Return a person's name as votes carry it: trimmed, spelt as one of ``known`` if it is one.

    Raises InputError for an empty or long name, control characters, or the mark of a model.
    """
    name = " ".join(unicodedata.normalize("NFC", given).split())
    wrong = ""
    if not name:
        wrong = "is empty"
    elif len(name) > LONGEST_NAME:
        wrong = f"is longer than {LONGEST_NAME} characters"
    elif any(unicodedata.category(char)[0] == "C" for char in name):
        wrong = "holds characters that do not show"
    elif name.casefold().startswith(MODEL):
        wrong = f"begins with {MODEL!r}, as only models do"
    if wrong:
        raise InputError(f"the rater's name {wrong}", hint="give a short name", code="judge.rater")
    return next((other for other in known if other.casefold() == name.casefold()), name)
