"""Leakage between training and held-out rows."""

from __future__ import annotations

from collections.abc import Callable

from ftcore.data.leakage import HeldOut, Leakage, prompt_text
from ftcore.data.near_duplicates import NearIndex
from ftcore.data.row_keys import RowKeys
from ftcore.data.rows import Row, Source, content_hash
from ftcore.rendering.messages import Message

MakeRow = Callable[..., Row]


def find_leakage(
    train: list[Row], test: list[Row], *, group: str | None = None, near: float | None = None
) -> Leakage:
    index = None if near is None else NearIndex(near)
    held_out = HeldOut(group, index)
    for row in test:  # before the training rows, as rows that are split off may be
        held_out.add(row)
    for row in train:
        if index is not None:
            index.add(prompt_text(row), str(row.source))
    return held_out.leakage(RowKeys(group, train))


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


def test_near_prompts(make_row: MakeRow) -> None:
    question = "which of the cities by the river is the capital of the whole country"
    train = [make_row(f"{question}?", "Paris", 1), make_row("how old is it", "old", 2)]
    test = [make_row(f"{question}!", "Paris", 1), make_row("how old is it", "new", 2)]
    found = find_leakage(train, test, near=0.85)
    assert (found.same_row, found.same_prompt, found.near_prompt) == (0, 1, 1)
    assert "its prompt is nearly that of rows.jsonl:1 (similarity" in str(found.problems[0])
    assert find_leakage(train, test).near_prompt is None


def test_documents_are_compared_as_a_whole() -> None:
    def document(text: str, line: int) -> Row:
        messages = (Message("assistant", text),)
        return Row(content_hash(messages), messages, Source("text.jsonl", line))

    found = find_leakage([document("a", 1), document("b", 2)], [document("c", 1)])
    assert not found
    assert find_leakage([document("a", 1)], [document("a", 3)]).same_row == 1
