"""Every format: a two-row example, and the message for each way to get it wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ftcore.data.formats import (
    Format,
    FormatOptions,
    NerOptions,
    RowProblem,
    detect_format,
    formats,
    get_format,
    register_format,
)
from ftcore.data.formats.base import Reading, Record, rename_columns
from ftcore.errors import DataError
from ftcore.rendering.messages import Message

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
]
MESSAGES = (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello"))

EXAMPLES: dict[str, list[tuple[dict[str, Any], tuple[Message, ...]]]] = {
    "messages": [
        ({"messages": TURNS}, MESSAGES),
        (
            {"messages": [TURNS[1], {**TURNS[2], "weight": 0}, TURNS[1], TURNS[2]], "id": 7},
            (MESSAGES[1], Message("assistant", "Hello", 0), MESSAGES[1], MESSAGES[2]),
        ),
    ],
    "conversations": [
        ({"conversations": TURNS}, MESSAGES),
        (
            {
                "system": "Be brief.",
                "conversations": [
                    {"from": "human", "value": "Hi"},
                    {"from": "gpt", "value": "Hello"},
                ],
            },
            MESSAGES,
        ),
    ],
    "alpaca": [
        (
            {"instruction": "Translate", "input": "chat", "output": "cat"},
            (Message("user", "Translate\nchat"), Message("assistant", "cat")),
        ),
        (
            {
                "instruction": "Hi",
                "input": "",
                "output": "Hello",
                "system": "Be brief.",
                "history": [["One", "1"]],
            },
            (MESSAGES[0], Message("user", "One"), Message("assistant", "1"), *MESSAGES[1:]),
        ),
    ],
    "query_response": [
        ({"query": "Hi", "response": "Hello"}, MESSAGES[1:]),
        (
            {
                "system": "Be brief.",
                "query": "Hi",
                "response": "Hello",
                "history": [["One", "1"], ["Two", "2"]],
            },
            (
                MESSAGES[0],
                Message("user", "One"),
                Message("assistant", "1"),
                Message("user", "Two"),
                Message("assistant", "2"),
                *MESSAGES[1:],
            ),
        ),
    ],
    "prompt_completion": [
        ({"prompt": "Hi", "completion": "Hello"}, MESSAGES[1:]),
        ({"prompt": TURNS[:2], "completion": TURNS[2:]}, MESSAGES),
    ],
    "ner": [
        (
            {
                "text": "Ann met Bo",
                "entities": [
                    {"start_idx": 8, "end_idx": 10, "entity_text": "Bo", "entity_label": "PER"},
                    {"entity_text": "Ann", "entity_label": "NAME", "entity_names": ["名", "PER"]},
                ],
            },
            (
                Message("system", "Labels: PER, ORG. None: -"),
                Message("user", "Text: Ann met Bo"),
                Message(
                    "assistant",
                    '{"entity_text": "Ann", "entity_label": "PER"}\n'
                    '{"entity_text": "Bo", "entity_label": "PER"}',
                ),
            ),
        ),
        (
            {"text": "Nobody", "entities": []},
            (
                Message("system", "Labels: PER, ORG. None: -"),
                Message("user", "Text: Nobody"),
                Message("assistant", "-"),
            ),
        ),
    ],
    "text": [
        ({"text": "Once upon a time."}, (Message("assistant", "Once upon a time."),)),
        ({"text": "从前。", "title": "x"}, (Message("assistant", "从前。"),)),
    ],
}
OPTIONS = FormatOptions(
    ner=NerOptions(("PER", "ORG"), "Labels: {labels}. None: {none}", "Text: {text}", "-")
)
ROLE_PLAY = FormatOptions(alpaca_reading="role_play")


def test_every_format_has_an_example() -> None:
    assert list(EXAMPLES) == list(formats())


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    reader = get_format(name)
    reader.prepare(OPTIONS)
    records = [record for record, _ in EXAMPLES[name]]
    assert [reader.read(record, OPTIONS)[0] for record in records] == [
        messages for _, messages in EXAMPLES[name]
    ]
    found, why = detect_format(records)
    assert found == name
    assert "2 of 2 records" in why


def test_other_columns_become_fields() -> None:
    _, fields = get_format("messages").read({"messages": TURNS, "database": "shop"}, OPTIONS)
    assert fields == {"database": "shop"}
    _, fields = get_format("ner").read({**EXAMPLES["ner"][0][0], "slice": "a"}, OPTIONS)
    assert fields["text"] == "Ann met Bo"
    assert fields["slice"] == "a"
    assert fields["entities"][0] == {"entity_text": "Ann", "entity_label": "PER"}


def test_alpaca_role_play() -> None:
    record = {"instruction": "You are Bo.", "input": "Hi", "output": "Hello", "history": []}
    messages, _ = get_format("alpaca").read(record, ROLE_PLAY)
    assert messages == (Message("system", "You are Bo."), *MESSAGES[1:])


def test_columns_are_mapped_and_nothing_is_lost() -> None:
    record = {"question": "Hi", "answer": "Hello", "query": "old"}
    renamed = rename_columns(record, {"query": "question", "response": "answer"})
    assert renamed == {"original_query": "old", "query": "Hi", "response": "Hello"}
    assert rename_columns({"a": 1, "b": 2}, {"a": "b", "b": "a"}) == {"a": 2, "b": 1}


def test_lists_may_be_json_text_as_in_tables() -> None:
    record = {"messages": json.dumps(TURNS)}
    assert get_format("messages").read(record, OPTIONS)[0] == MESSAGES


PROBLEMS: list[tuple[str, dict[str, Any], FormatOptions, str, str]] = [
    ("messages", {"text": "x"}, OPTIONS, "messages", "missing"),
    ("messages", {"messages": "x"}, OPTIONS, "messages", "expected a list, found text"),
    ("messages", {"messages": [1]}, OPTIONS, "messages[0]", "expected an object, found a number"),
    ("messages", {"messages": [{"role": "user"}]}, OPTIONS, "messages[0].content", "missing"),
    (
        "messages",
        {"messages": [{"role": "user", "content": None}]},
        OPTIONS,
        "messages[0].content",
        "expected text, found null",
    ),
    (
        "messages",
        {"messages": [{"role": "robot", "content": "x"}]},
        OPTIONS,
        "messages[0].role",
        "unknown role 'robot'",
    ),
    (
        "messages",
        {"messages": [{"role": "assistant", "content": "x", "weight": 2}]},
        OPTIONS,
        "messages[0].weight",
        "expected 0 or 1, found 2",
    ),
    (
        "messages",
        {"messages": [{"role": "assistant", "content": "x", "tool_calls": [1]}]},
        OPTIONS,
        "messages[0].tool_calls",
        "would be lost",
    ),
    ("conversations", {}, OPTIONS, "conversations", "missing"),
    (
        "conversations",
        {"conversations": [{"from": "human", "text": "x"}]},
        OPTIONS,
        "conversations[0].value",
        "missing",
    ),
    ("alpaca", {"instruction": "x"}, OPTIONS, "output", "missing; the record has 'instruction'"),
    (
        "alpaca",
        {"instruction": "x", "input": 3, "output": "y"},
        OPTIONS,
        "input",
        "expected text, found a number",
    ),
    (
        "alpaca",
        {"instruction": "x", "input": "h", "output": "y", "system": "z"},
        ROLE_PLAY,
        "system",
        "role_play",
    ),
    (
        "query_response",
        {"query": "a", "response": "b", "history": [["only"]]},
        OPTIONS,
        "history[0]",
        "expected a pair of texts, found a list of 1",
    ),
    ("prompt_completion", {"prompt": "x"}, OPTIONS, "completion", "missing"),
    ("ner", {"text": "x"}, OPTIONS, "entities", "missing"),
    (
        "ner",
        {"text": "x", "entities": [{"entity_text": "y", "entity_label": "PER"}]},
        OPTIONS,
        "entities[0].entity_text",
        "'y' does not occur in the text",
    ),
    (
        "ner",
        {"text": "x y", "entities": [{"entity_text": "y", "entity_label": "LAW"}]},
        OPTIONS,
        "entities[0].entity_label",
        "'LAW' is not among the labels PER, ORG",
    ),
    (
        "ner",
        {"text": "x y", "entities": [{"entity_text": "y", "entity_label": "PER", "start_idx": 0}]},
        OPTIONS,
        "entities[0].start_idx",
        "the text at character 0 is 'x', not 'y'",
    ),
    ("text", {"text": 1}, OPTIONS, "text", "expected text, found a number"),
]


@pytest.mark.parametrize(("name", "record", "options", "field", "message"), PROBLEMS)
def test_problems_name_the_field(
    name: str, record: Record, options: FormatOptions, field: str, message: str
) -> None:
    with pytest.raises(RowProblem) as caught:
        get_format(name).read(record, options)
    assert caught.value.field == field
    assert message in caught.value.message
    assert caught.value.fix


def test_ner_template_with_a_wrong_placeholder() -> None:
    options = FormatOptions(ner=NerOptions(instruction="Find {what}"))
    with pytest.raises(DataError, match=r"data\.ner\.instruction") as caught:
        get_format("ner").prepare(options)
    assert "{labels}, {none}" in str(caught.value.hint)


def test_unknown_format_names_the_nearest() -> None:
    with pytest.raises(DataError) as caught:
        get_format("mesages")
    assert caught.value.hint is not None
    assert "did you mean 'messages'" in caught.value.hint


def test_auto_refuses_two_readings() -> None:
    record = {"messages": TURNS, "prompt": "a", "completion": "b"}
    with pytest.raises(DataError) as caught:
        detect_format([record])
    assert caught.value.code == "data.format.ambiguous"
    assert "messages: it has a list `messages` (1 records)" in caught.value.message
    assert "prompt_completion" in caught.value.message


def test_auto_refuses_what_nothing_fits_and_nothing_at_all() -> None:
    with pytest.raises(DataError, match="the first record has 'a'") as caught:
        detect_format([{"a": 1}])
    assert caught.value.code == "data.format.none"
    with pytest.raises(DataError, match="no record"):
        detect_format([])


def test_auto_takes_one_reading_in_spite_of_a_few_broken_records() -> None:
    name, why = detect_format([{"messages": TURNS}, {"messages": TURNS}, {"x": 1}])
    assert (name, "2 of 3" in why) == ("messages", True)
    with pytest.raises(DataError, match="not every record fits"):
        detect_format([{"messages": TURNS}, {"x": 1}, {"x": 1}])


class Shouted(Format):
    name = "shouted"
    describe = "an example of a third party's format"
    columns = ("shout",)

    def matches(self, record: Record) -> str | None:
        return "it shouts" if "shout" in record else None

    def read(self, record: Record, options: FormatOptions) -> Reading:
        return (Message("user", "?"), Message("assistant", record["shout"].upper())), {}


class OtherMessages(Shouted):
    name = "messages"


def test_third_parties_register_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftcore.data.formats.registry._FORMATS", formats())
    register_format(Shouted())
    assert detect_format([{"shout": "x"}])[0] == "shouted"
    with pytest.raises(DataError, match="OtherMessages cannot use it"):
        register_format(OtherMessages())
