"""Rows whose answers quote the prompt stay in agreement with it, whatever cleaning does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftcore.data.cleaning import Quoting, Removed, Step, register_step
from ftcore.data.cleaning import registry as step_registry
from ftcore.data.formats import FormatOptions, NerOptions, get_format
from ftcore.data.rows import Row, Source, content_hash
from ftcore.errors import DataError
from ftcore.rendering.messages import Message

OPTIONS = FormatOptions(ner=NerOptions(prompt="Text: {text}"))


@pytest.fixture(scope="module")
def quoting() -> Quoting:
    return Quoting(get_format("ner"), OPTIONS)


def ner_row(text: str, *entities: str, line: int = 1, **fields: Any) -> Row:
    found = [{"entity_text": words, "entity_label": "PER"} for words in entities]
    reader = get_format("ner")
    messages, others = reader.read({"text": text, "entities": found, **fields}, OPTIONS)
    return Row(content_hash(messages), messages, Source("ner.jsonl", line), others)


def agrees(row: Row, quoting: Quoting) -> bool:
    words = [entity["entity_text"] for entity in row.fields["entities"]]
    lines = row.reference.split("\n") if words else []
    return (
        quoting.agrees(row)
        and row.messages[1].content == f"Text: {row.fields['text']}"
        and [json.loads(line)["entity_text"] for line in lines] == words
        and all(word in row.fields["text"] for word in words)
    )


def test_text_and_entities_are_cleaned_together(clean, quoting: Quoting) -> None:
    row = ner_row("Anna \u00a0 Berg met\x07 Bo\x1fb .\n\n\nYes", "Anna \u00a0 Berg", "Bo\x1fb", n=1)
    steps = ("normalise_whitespace", "strip_control_characters", "drop_empty_lines")
    cleaned = clean([row], *((name, {}) for name in steps), quoting=quoting)
    (made,) = cleaned.rows
    assert made.fields["text"] == "Anna Berg met Bob .\nYes"
    assert [entity["entity_text"] for entity in made.fields["entities"]] == ["Anna Berg", "Bob"]
    assert made.fields["n"] == 1
    assert agrees(made, quoting)
    assert made.row_id == content_hash(made.messages)
    assert [count.changed for count in cleaned.counts] == [1, 1, 1]


def test_a_row_that_loses_an_entity_is_removed(clean, quoting: Quoting) -> None:
    row = ner_row("it is \u200b here", "\u200b")
    cleaned = clean([row], ("strip_control_characters", {}), quoting=quoting)
    assert cleaned.rows == []
    (gone,) = cleaned.removed
    assert gone.detail == "the entity '\\u200b' is lost from the text"


def test_a_step_for_answers_alone_changes_nothing(clean, quoting: Quoting) -> None:
    row = ner_row("Anna  Berg", "Anna  Berg")
    step = ("normalise_whitespace", {"roles": ["assistant"]})
    assert clean([row], step, quoting=quoting).rows == [row]


def test_variants_keep_the_entities(clean, quoting: Quoting, tmp_path: Path) -> None:
    row = ner_row("the old harbour of Anna Berg by the old town", "Anna Berg", "old town")
    (tmp_path / "words.txt").write_text("old, ancient\ntown, city\nanna, bob\n")
    (tmp_path / "other.jsonl").write_text(
        json.dumps(
            {
                "text": "the old harbour of Anna Berg by the old town",
                "paraphrases": ["Anna Berg's harbour, old town", "a harbour"],
            }
        )
    )
    noisy = clean([row], ("noise", {"rate": 1.0, "copies": 3}), quoting=quoting).rows
    assert len(noisy) == 4
    assert all(agrees(made, quoting) and made.messages[2] == row.messages[2] for made in noisy)
    step = ("synonyms", {"file": "words.txt", "rate": 1.0})
    _, made = clean([row], step, quoting=quoting).rows
    assert made.fields["text"] == "the ancient harbour of Anna Berg by the old town"
    cleaned = clean([row], ("paraphrases", {"file": "other.jsonl"}), quoting=quoting)
    assert [made.fields["text"] for made in cleaned.rows[1:]] == ["Anna Berg's harbour, old town"]
    assert cleaned.counts[0].note == "1 paraphrases lack an entity"
    assert all(agrees(made, quoting) for made in cleaned.rows)


class Shouts(Step):
    name = "shouts"
    describe = "what a plugin that knows nothing of entities does"

    def row(self, row: Row) -> Sequence[Row] | Removed:
        turns = [Message(turn.role, turn.content.upper()) for turn in row.messages]
        return [replace(row, messages=tuple(turns))]


def test_a_step_that_breaks_the_agreement_is_refused(
    clean, quoting: Quoting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_registry, "_STEPS", dict(step_registry._STEPS))
    register_step(Shouts)
    row = ner_row("Anna Berg", "Anna Berg", line=7)
    assert clean([row], ("shouts", {})).counts[0].changed == 1
    with pytest.raises(
        DataError, match=r"ner\.jsonl:7: the step shouts changes the prompt"
    ) as caught:
        clean([row], ("shouts", {}), quoting=quoting)
    assert caught.value.code == "data.clean.quotes"


LETTERS = st.text(st.sampled_from("ab \t\n\u00a0\u200b\x07é中."), min_size=1, max_size=8)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(LETTERS, min_size=1, max_size=5), data=st.data())
def test_whatever_is_cleaned_agrees(
    clean, quoting: Quoting, pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(pieces)
    if not text.strip():
        return
    entities = data.draw(st.lists(st.sampled_from(pieces), max_size=3))
    row = ner_row(text, *entities)
    steps = ("normalise_whitespace", "strip_control_characters", "drop_empty_lines", "noise")
    cleaned = clean([row], *((name, {}) for name in steps), quoting=quoting)
    assert all(agrees(made, quoting) for made in cleaned.rows)
    assert len(cleaned.rows) >= 1 or len(cleaned.removed) == 1
