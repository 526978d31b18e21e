"""Order and sides by chance but fixed; votes, skips and undoing over several sittings."""

from __future__ import annotations

from ftcore.judging.pairs import Pair
from ftcore.judging.sitting import Sitting, standings
from ftcore.judging.votes import Vote


def pairs(count: int) -> list[Pair]:
    return [Pair(f"r{n}", f"k{n}", "f:1", (), "", ("a", "b")) for n in range(count)]


def act(action: str, row: int | None = None, rater: str = "Ada", **more: object) -> Vote:
    where = {} if row is None else {"row_id": f"r{row}", "pair": f"k{row}"}
    if action == "vote":
        more.setdefault("winner", "after")
    return Vote(0.0, rater, action, **where, **more)  # type: ignore[arg-type]


def test_half_of_the_rows_are_swapped_and_the_order_is_the_raters_own():
    rows = pairs(101)
    ada, again, ben, other = (
        Sitting.of(name, rows, seed) for name, seed in (("A", 0), ("A", 0), ("B", 0), ("A", 1))
    )
    assert ada == again
    assert len(ada.swapped) == 50
    assert sorted(pair.row_id for pair in ada.order) == sorted(pair.row_id for pair in rows)
    assert len({ada.order, ben.order, other.order, tuple(rows)}) == 4
    assert len({ada.swapped, ben.swapped, other.swapped}) == 3
    # Sides say nothing about the place in the order: about half of the first half is swapped.
    early = sum(pair.row_id in ada.swapped for pair in ada.order[:50])
    assert 15 <= early <= 35


def test_votes_skips_and_undo():
    rows = pairs(4)
    sitting = Sitting.of("Ada", rows, 0)
    order = [int(pair.row_id[1:]) for pair in sitting.order]
    lines = [act("vote", order[0]), act("skip", order[1]), act("vote", order[2])]

    def after(*more: Vote) -> tuple[str | None, int, int]:
        standing = standings([*lines, *more], rows)["Ada"]
        following = sitting.next(standing)
        name = following.row_id if following else None
        return name, len(standing.votes), len(standing.skipped)

    assert after() == (f"r{order[3]}", 2, 1)
    assert after(act("undo", order[2])) == (f"r{order[2]}", 1, 1)
    assert after(act("undo", order[2]), act("undo", order[1])) == (f"r{order[1]}", 1, 0)
    assert after(act("vote", order[3])) == (None, 3, 1)
    assert after(act("vote", order[3]), act("reopen")) == (f"r{order[1]}", 3, 0)
    assert standings(lines, rows)["Ada"].done == [f"r{n}" for n in order[:3]]


def test_the_last_vote_on_a_row_counts():
    rows = pairs(1)
    lines = [act("vote", 0, winner="after"), act("vote", 0, winner="before")]
    assert standings(lines, rows)["Ada"].votes["r0"].winner == "before"


def test_votes_on_other_texts_do_not_count():
    lines = [act("vote", 0), Vote(0.0, "Ada", "vote", "r1", "old", "after"), act("vote", 7)]
    standing = standings(lines, pairs(2))["Ada"]
    assert set(standing.votes) == {"r0"}
    assert standing.stale == 2


def test_of_a_model_only_the_last_instructions_count():
    lines = [
        act("vote", 0, "model:m", judge="old"),
        act("vote", 1, "model:m", judge="new"),
        act("unreadable", 2, "model:m", judge="new"),
    ]
    standing = standings(lines, pairs(3))["model:m"]
    assert (set(standing.votes), set(standing.unreadable)) == ({"r1"}, {"r2"})
    assert standing.stale == 1
