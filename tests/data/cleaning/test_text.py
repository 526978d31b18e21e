"""Steps on the text of messages."""

from __future__ import annotations

import pytest

from ftcore.data.rows import content_hash


@pytest.mark.parametrize(
    ("name", "options", "before", "after"),
    [
        ("normalise_whitespace", {}, " a\u00a0 b\t\tc  \r\n\n  d\u3000e \n", " a b c\n\n  d e"),
        ("normalise_whitespace", {"indentation": False}, "  a\n\t  b", "a\nb"),
        ("normalise_whitespace", {}, "a\rb\u2028c\u0085d", "a\nb\nc\nd"),
        ("normalise_whitespace", {}, "def f():\n    return  1", "def f():\n    return 1"),
        ("strip_control_characters", {}, "a\x00b\x1b[0m\ufeff\u200bc\td\n", "ab[0mc\td\n"),
        ("strip_control_characters", {}, "👩\u200d👧 ok", "👩\u200d👧 ok"),
        ("drop_empty_lines", {}, "a\n\n \nb\n", "a\nb"),
        ("drop_empty_lines", {"keep": 1}, "a\n\n\n\nb", "a\n\nb"),
    ],
)
def test_texts(clean, make_row, name, options, before, after) -> None:
    cleaned = clean([make_row(before, "x"), make_row("q", before, 2)], (name, options))
    question, answer = cleaned.rows
    assert question.messages[0].content == answer.reference == after
    changed = 0 if before == after else 2
    (count,) = cleaned.counts
    assert (count.rows, count.changed, count.removed, count.added) == (2, changed, 0, 0)
    assert question.row_id == content_hash(question.messages)
    assert (question.source.line, answer.source.line) == (1, 2)


def test_only_some_roles(clean, make_row) -> None:
    options = {"roles": ["assistant"]}
    (row,) = clean([make_row("a  b", "a  b")], ("normalise_whitespace", options)).rows
    assert [message.content for message in row.messages] == ["a  b", "a b"]


def test_a_row_that_becomes_blank_is_removed(clean, make_row) -> None:
    rows = [make_row("q", "\x07", 4), make_row("q", "a", 5)]
    cleaned = clean(rows, ("strip_control_characters", {}))
    assert [row.source.line for row in cleaned.rows] == [5]
    (gone,) = cleaned.removed
    assert gone.detail == "the step left messages[1]: the answer is blank"
    entry = gone.entry()
    assert (entry.status, entry.reason, entry.source) == (
        "dropped",
        "strip_control_characters",
        "rows.jsonl:4",
    )
    assert str(cleaned.counts[0]) == "strip_control_characters: 1 removed (2 rows)"
