from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.errors import DataError
from ftcore.evaluation.entities import parse_entities, parse_reference

NONE = "No entities."


def line(text: str, label: str) -> str:
    return json.dumps({"entity_text": text, "entity_label": label}, ensure_ascii=False)


def test_lines_become_a_multiset() -> None:
    text = f"{line('Rome', 'GPE')}\n\n  {line(' Rome ', 'GPE')}  \r\n{line('Ana', 'PER')}\n"
    parsed = parse_entities(text, NONE)
    assert parsed.entities == Counter({("Rome", "GPE"): 2, ("Ana", "PER"): 1})
    assert parsed.parsed
    assert not parsed.none


@pytest.mark.parametrize("text", [NONE, f"  {NONE}\n"])
def test_the_sentence_says_none(text: str) -> None:
    parsed = parse_entities(text, NONE)
    assert parsed.none
    assert parsed.parsed
    assert parsed.broken_lines == 0


@pytest.mark.parametrize(
    "text",
    [
        "Rome",
        "[1]",
        '{"entity_text": "Rome"}',
        '{"entity_text": "Rome", "entity_label": 3}',
        '{"entity_text": " ", "entity_label": "GPE"}',
        '{"entity_text": "Rome", "entity_label": "GPE"',
        "[" * 100_000,
        "```json",
        f"{NONE} Really.",
    ],
)
def test_anything_else_is_a_broken_line(text: str) -> None:
    parsed = parse_entities(text, NONE)
    assert parsed.broken_lines == 1
    assert not parsed.entities
    assert not parsed.parsed


def test_an_empty_answer_says_nothing_unless_the_recipe_means_none_by_it() -> None:
    assert not parse_entities(" \n", NONE).parsed
    assert parse_entities(" \n", "").none


def test_a_line_separator_inside_a_string_does_not_split() -> None:
    assert parse_entities(line("a\u2028b", "ORG"), NONE).entities == Counter(
        {("a\u2028b", "ORG"): 1}
    )


def test_a_broken_reference_is_an_error() -> None:
    with pytest.raises(DataError, match="row r7") as caught:
        parse_reference("Rome is a place", NONE, "r7")
    assert caught.value.code == "data.entity-reference"


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1))))
def test_what_is_written_is_read(pairs: list[tuple[str, str]]) -> None:
    pairs = [(text.strip(), label.strip()) for text, label in pairs]
    pairs = [pair for pair in pairs if all(pair)]
    parsed = parse_entities("\n".join(line(*pair) for pair in pairs), NONE)
    assert parsed.entities == Counter(pairs)
    assert parsed.broken_lines == 0
