"""Steps that remove whole rows, or cut documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.data.cleaning.rows import _pieces
from ftcore.data.rows import Row, Source, content_hash
from ftcore.rendering.messages import Message


def details(cleaned) -> list[str]:
    return [gone.detail for gone in cleaned.removed]


def document(text: str) -> Row:
    messages = (Message("assistant", text),)
    return Row(content_hash(messages), messages, Source("text.jsonl", 1))


def test_duplicates(clean, make_row) -> None:
    rows = [make_row("q", "a", 1), make_row("q", "b", 2), make_row("q", "a", 3)]
    by_row = clean(rows, ("drop_duplicates", {}))
    assert [row.source.line for row in by_row.rows] == [1, 2]
    assert details(by_row) == ["the same row as rows.jsonl:1"]
    by_prompt = clean(rows, ("drop_duplicates", {"by": "prompt"}))
    assert [row.source.line for row in by_prompt.rows] == [1]
    assert details(by_prompt)[0] == "the same prompt as rows.jsonl:1"


def test_duplicates_that_an_earlier_step_made(clean, make_row) -> None:
    rows = [make_row("q", "a", 1), make_row("q ", "a", 2)]
    both = clean(rows, ("normalise_whitespace", {}), ("drop_duplicates", {}))
    assert [row.source.line for row in both.rows] == [1]
    only = clean(rows, ("normalise_whitespace", {}))
    assert [row.row_id[16:] for row in only.rows] == ["", "-2"]


def test_near_duplicates(clean, make_row) -> None:
    text = "the library opens at nine in the morning on every day of the week but sunday"
    rows = [
        make_row(text, "yes", 1),
        make_row(f"{text}!", "yes", 2),
        make_row("who may borrow the laptops of the computing centre", "staff", 3),
    ]
    cleaned = clean(rows, ("drop_near_duplicates", {"threshold": 0.8}))
    assert [row.source.line for row in cleaned.rows] == [1, 3]
    assert details(cleaned)[0].startswith("nearly the same as rows.jsonl:1 (similarity 0.")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"min_prompt": 9}, "the prompt has 8 characters, fewer than 9"),
        ({"max_prompt": 7}, "the prompt has 8 characters, more than 7"),
        ({"min_answer": 7}, "the answer has 6 characters, fewer than 7"),
        ({"max_answer": 5}, "the answer has 6 characters, more than 5"),
        ({"max_turns": 1}, "2 turns, more than 1"),
    ],
)
def test_lengths(clean, make_row, options, why) -> None:
    assert details(clean([make_row("question", "answer")], ("length_limits", options))) == [why]


def test_lengths_that_fit(clean, make_row) -> None:
    limits = {"min_prompt": 8, "max_prompt": 8, "min_answer": 6, "max_answer": 6, "max_turns": 2}
    cleaned = clean([make_row("question", "answer")], ("length_limits", limits))
    assert (len(cleaned.rows), str(cleaned.counts[0])) == (
        1,
        "length_limits: nothing to do (1 rows)",
    )


def test_documents_in_pieces(clean, make_row) -> None:
    text = "One sentence. Two sentences.\n\nA new paragraph with words in it.\nA line."
    rows = [document(text), make_row("q" * 60, "a" * 60)]
    cleaned = clean(rows, ("split_texts", {"max_characters": 40}))
    assert [row.reference for row in cleaned.rows[:-1]] == [
        "One sentence. Two sentences.\n\n",
        "A new paragraph with words in it.\n",
        "A line.",
    ]
    assert len({row.row_id for row in cleaned.rows}) == 4
    assert (cleaned.counts[0].changed, cleaned.counts[0].added) == (1, 2)


@given(st.text(st.sampled_from("ab.。 \n"), min_size=1, max_size=60), st.integers(1, 9))
def test_pieces_join_to_the_text_and_none_is_blank(text: str, most: int) -> None:
    pieces = _pieces(text, most)
    assert "".join(pieces) == text
    assert all(piece.strip() for piece in pieces) or not text.strip()
    assert all(len(piece.strip()) <= most for piece in pieces)
