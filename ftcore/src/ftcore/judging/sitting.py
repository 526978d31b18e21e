"""What one rater has judged and what comes next: order, sides, skipping, undoing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from ftcore.judging.pairs import Pair
from ftcore.judging.votes import Vote


@dataclass(slots=True)
class Standing:
    """What holds of one rater after all of the lines: votes and skipped rows, by row.

    ``done`` are the rows in the order in which they were voted on or skipped, for undoing;
    ``stale`` counts votes on texts that are no longer the answers.
    """

    votes: dict[str, Vote] = field(default_factory=dict)
    skipped: dict[str, Vote] = field(default_factory=dict)
    unreadable: dict[str, Vote] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    stale: int = 0

    def _forget(self, row_id: str) -> None:
        for kept in (self.votes, self.skipped, self.unreadable):
            kept.pop(row_id, None)
        if row_id in self.done:
            self.done.remove(row_id)

    def add(self, vote: Vote, keys: Mapping[str, str]) -> None:
        """Take in the next line; ``keys`` are the texts that are compared now, by row."""
        if vote.action == "reopen":
            for row_id in list(self.skipped):
                self._forget(row_id)
            return
        seen = vote.row_id
        if seen is None or keys.get(seen) != vote.pair:
            self.stale += vote.action == "vote"
            return
        self._forget(seen)
        if vote.action != "undo":
            kept = {"vote": self.votes, "skip": self.skipped}.get(vote.action, self.unreadable)
            kept[seen] = vote
            self.done.append(seen)


def standings(votes: Iterable[Vote], pairs: Iterable[Pair]) -> dict[str, Standing]:
    """Return what holds of every rater, in the order of their first lines.

    Of a model only the votes under the instructions that it was given last count.
    """
    lines = list(votes)
    keys = {pair.row_id: pair.key for pair in pairs}
    current = {vote.rater: vote.judge for vote in lines}
    found: dict[str, Standing] = {}
    for vote in lines:
        standing = found.setdefault(vote.rater, Standing())
        if vote.judge == current[vote.rater]:
            standing.add(vote, keys)
        else:
            standing.stale += vote.action == "vote"
    return found


@dataclass(frozen=True, slots=True)
class Sitting:
    """The rows in one rater's own order, and which side of each stands first.

    ``swapped`` are the rows whose second answer is shown as answer 1: half of them, by chance.
    """

    rater: str
    order: tuple[Pair, ...]
    swapped: frozenset[str]

    @classmethod
    def of(cls, rater: str, pairs: Iterable[Pair], seed: int) -> Sitting:
        """Return the order and the sides that ``seed`` and the rater's name give."""

        def drawn(pair: Pair, what: str) -> str:
            text = f"{seed}\0{rater}\0{what}\0{pair.row_id}"
            return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

        rows = list(pairs)
        by_side = sorted(rows, key=lambda pair: drawn(pair, "side"))
        return cls(
            rater,
            tuple(sorted(rows, key=lambda pair: drawn(pair, "order"))),
            frozenset(pair.row_id for pair in by_side[1::2]),
        )

    def next(self, standing: Standing) -> Pair | None:
        """Return the next row without a vote; skipped ones come only when they are reopened."""
        seen = standing.votes.keys() | standing.skipped.keys()
        return next((pair for pair in self.order if pair.row_id not in seen), None)

    def sides(self, pair: Pair) -> tuple[int, int]:
        """Return which answer of the pair (0 or 1) stands as answer 1 and as answer 2."""
        return (1, 0) if pair.row_id in self.swapped else (0, 1)
