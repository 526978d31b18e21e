"""The desk that the page talks to: gives a rater the next pair, takes and takes back votes."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ftcore.errors import DataError, InputError, MachineError
from ftcore.judging.pairs import Contest, Pair
from ftcore.judging.sitting import Sitting, Standing, standings
from ftcore.judging.votes import TIE, Action, Vote, VoteFile, rater_name
from ftcore.report.escaping import plain

VOTES = "votes.jsonl"
Choice = Literal["1", "2", "tie", "skip"]
_LONGEST_SECONDS = 3600.0  # beyond that somebody went to lunch


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one rater is: votes in all, more than when this desk opened, rows that need one."""

    rater: str
    votes: int
    now: int
    rows: int


class Desk:
    """Gives out pairs and takes votes for any number of raters; safe to use from several threads.

    ``rater`` fixes who votes; None lets the page ask. ``identical`` also gives out pairs whose
    answers are identical, which otherwise count as ties. Which side is whose never leaves the desk.
    """

    def __init__(
        self, contest: Contest, *, rater: str | None = None, seed: int = 0, identical: bool = False
    ) -> None:
        self.contest = contest
        self.pairs = contest.pairs if identical else contest.differing
        self.file = VoteFile(contest.folder / VOTES)
        self._by_id = {pair.row_id: pair for pair in self.pairs}
        self._seed = seed
        self._lock = threading.Lock()
        self._before: dict[str, int] = {}
        self.rater = None if rater is None else rater_name(rater, self._known())
        if not self.pairs:
            raise DataError(
                "there is nothing to judge: both answers are the same on every row",
                hint="--identical shows these rows all the same",
                code="judge.identical",
            )

    def state(self, given: str) -> dict[str, Any]:
        """Return what the page shows a rater: progress, and the next pair without its names."""
        with self._lock:
            return self._state(self._name(given))

    def vote(self, given: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a vote (``choice`` "1", "2", "tie" or "skip" on ``row``) and return the next state.

        Raises InputError for a row or a choice that there is not.
        """
        choice, pair = body.get("choice"), self._by_id.get(str(body.get("row")))
        if choice not in get_args(Choice) or pair is None:
            raise InputError("there is no such row or choice", code="judge.request")
        with self._lock:
            name = self._name(given)
            sides = self._sitting(name).sides(pair)
            names = [self.contest.names[side] for side in sides]
            winner = {"1": names[0], "2": names[1], "tie": TIE}.get(str(choice))
            self._append(
                name,
                "skip" if choice == "skip" else "vote",
                pair,
                winner=winner,
                left=names[0],
                reference=body.get("reference") is True,
                seconds=_seconds(body.get("seconds")),
            )
            return self._state(name)

    def undo(self, given: str) -> dict[str, Any]:
        """Take back the rater's last vote or skip, if there is one, and return the state."""
        with self._lock:
            name = self._name(given)
            standing = self._standing(name)
            ours = [row_id for row_id in standing.done if row_id in self._by_id]
            if ours:
                self._append(name, "undo", self._by_id[ours[-1]])
            return self._state(name)

    def reopen(self, given: str) -> dict[str, Any]:
        """Give out the skipped rows again and return the state."""
        with self._lock:
            name = self._name(given)
            self._append(name, "reopen", None)
            return self._state(name)

    def progress(self) -> list[Progress]:
        """Return how far every rater is who came here since the desk opened."""
        with self._lock:
            found = []
            for name, before in self._before.items():
                votes = len(self._ours(self._standing(name)))
                found.append(Progress(name, votes, votes - before, len(self.pairs)))
            return found

    def _name(self, given: str) -> str:
        name = self.rater if self.rater is not None else rater_name(given, self._known())
        self._before.setdefault(name, len(self._ours(self._standing(name))))
        return name

    def _known(self) -> list[str]:
        return list(dict.fromkeys(vote.rater for vote in self.file.read()[0]))

    def _sitting(self, name: str) -> Sitting:
        return Sitting.of(name, self.pairs, self._seed)

    def _standing(self, name: str) -> Standing:
        # Read anew each time: another `ft judge` may write to the same file.
        votes = [vote for vote in self.file.read()[0] if vote.rater == name]
        return standings(votes, self.contest.pairs).get(name, Standing())

    def _ours(self, standing: Standing) -> list[str]:
        return [row_id for row_id in standing.votes if row_id in self._by_id]

    def _append(self, name: str, action: Action, pair: Pair | None, **given: Any) -> None:
        if pair is not None:
            given |= {"row_id": pair.row_id, "pair": pair.key}
        try:
            # Made here and not before: who only looks leaves nothing.
            self.contest.make_folder()
            self.file.append(Vote(time.time(), name, action, **given))
        except OSError as error:
            raise MachineError(
                f"the vote could not be kept: {error.strerror or error}",
                hint=f"is {self.contest.run} still there, and its disk not full?",
                code="judge.votes",
            ) from error

    def _state(self, name: str) -> dict[str, Any]:
        standing = self._standing(name)
        sitting = self._sitting(name)
        pair = sitting.next(standing)
        return {
            "rater": name,
            "total": len(self.pairs),
            "voted": len(self._ours(standing)),
            "skipped": sum(row_id in self._by_id for row_id in standing.skipped),
            "can_undo": any(row_id in self._by_id for row_id in standing.done),
            "pair": None if pair is None else _shown(pair, sitting.sides(pair)),
        }


def _shown(pair: Pair, sides: tuple[int, int]) -> dict[str, Any]:
    return {
        "row": pair.row_id,
        "prompt": [
            {"role": str(turn["role"]), "text": plain(str(turn["content"]))} for turn in pair.prompt
        ],
        "answers": [plain(pair.answers[side]) for side in sides],
        "reference": plain(pair.reference),
    }


def _seconds(given: Any) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return round(float(given), 1) if 0 <= given <= _LONGEST_SECONDS else None
