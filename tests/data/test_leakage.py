"""Leakage between training and held-out rows."""

from __future__ import annotations

from collections.abc import Callable

from ftcore.data.leakage import find_leakage
from ftcore.data.rows import Row


def test_rows_prompts_and_groups(make_row: Callable[..., Row]) -> None:
    train = [make_row("q1", "a1", 1, database="shop"), make_row("q2", "a2", 2, database="zoo")]
    test = [
        make_row("q1", "a1", 1, database="bank"),
        make_row(" q2 ", "other", 2, database="zoo"),
        make_row("q3", "a3", 3, database="zoo"),
        make_row("q4", "a4", 4),
    ]
    leakage = find_leakage(train, test, group="database")
    assert (leakage.same_row, leakage.same_prompt, leakage.same_group) == (1, 1, 1)
    assert [str(problem) for problem in leakage.problems] == [
        "rows.jsonl:1: the row is also in training (rows.jsonl:1) (remove it from one of the two)",
        "rows.jsonl:2: its prompt is also in training (rows.jsonl:2) "
        "(remove it from one of the two)",
        "rows.jsonl:2 database: database 'zoo' is also in training (rows.jsonl:2) "
        "(remove it from one of the two)",
    ]
    assert leakage
    assert not find_leakage(train, [make_row("q5", "a5")], group="database")
