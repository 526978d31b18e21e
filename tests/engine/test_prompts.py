from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftcore.data.rows import Row, Source, content_hash
from ftcore.engine.prompts import with_examples, write_requests
from ftcore.errors import DataError
from ftcore.rendering.messages import Message


def row(question: str, answer: str, *, system: str | None = None, line: int = 1) -> Row:
    head = (Message("system", system),) if system else ()
    messages = (*head, Message("user", question), Message("assistant", answer))
    return Row(content_hash(messages), messages, Source("rows.jsonl", line))


def texts(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


def test_without_examples_the_prompt_is_the_rows():
    asked = row("q", "a", system="s")
    assert with_examples(asked, []) == asked.prompt


def test_examples_are_earlier_turns_under_the_rows_system_prompt():
    found = with_examples(row("q", "a", system="s"), [row("q1", "a1", system="s"), row("q2", "a2")])
    assert texts(found) == [
        ("system", "s"),
        ("user", "q1"),
        ("assistant", "a1"),
        ("user", "q2"),
        ("assistant", "a2"),
        ("user", "q"),
    ]


def test_another_system_prompt_of_an_example_goes_in_front_of_its_question():
    found = with_examples(row("q", "a", system="s"), [row("q1", "a1", system="other")])
    assert texts(found)[1] == ("user", "other\n\nq1")
    bare = with_examples(row("q", "a"), [row("q1", "a1", system="other")])
    assert texts(bare)[0] == ("user", "other\n\nq1")


def test_an_example_that_is_a_test_row_is_refused():
    asked = row("q", "a")
    with pytest.raises(DataError, match=r"rows.jsonl:3 is also a test row"):
        with_examples(asked, [row("q", "a", line=3)])


def test_requests_are_the_renderers_ids(toy, tmp_path: Path):
    prepared = toy.prepare()
    rows = [row("What is the capital of Peru?", "Lima."), row("中国\u2028?", "北京。")]
    path = tmp_path / "requests.jsonl"
    longest = write_requests(path, rows, prepared.renderer, [row("one", "two")])
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["row_id"] for line in lines] == [r.row_id for r in rows]
    assert longest == max(len(line["prompt_ids"]) for line in lines)
    plain = prepared.renderer.prompt_ids(with_examples(rows[0], [row("one", "two")]))
    assert lines[0]["prompt_ids"] == list(plain)
