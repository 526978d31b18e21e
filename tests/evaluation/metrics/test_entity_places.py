from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.entity_places import (
    EntityPartialF1,
    EntityPartialPrecision,
    EntityPartialRecall,
    Place,
    partial_counts,
    placed,
    row_text,
)
from ftcore.rendering.messages import Message

SENTENCE = "The New York Times moved to New York, said Ana Lind."
NONE = "No entities."


def entities(*texts: str) -> Counter[tuple[str, str]]:
    return Counter((text, "X") for text in texts)


def test_longer_entities_take_their_place_first() -> None:
    found = placed(entities("New York", "New York Times"), SENTENCE)
    assert found.places == (Place(4, 18), Place(28, 36))
    assert not found.elsewhere


def test_an_entity_inside_others_takes_its_place_there() -> None:
    assert placed(entities("Ana Lind", "Ana"), SENTENCE).places == (Place(43, 46), Place(43, 51))


def test_what_is_not_in_the_text_or_not_so_often_stands_nowhere() -> None:
    found = placed(Counter({("Ana", "A"): 2, ("Rome", "B"): 1}), SENTENCE)
    assert found.places == (Place(43, 46),)
    assert found.elsewhere == Counter({"Ana": 1, "Rome": 1})


@pytest.mark.parametrize(
    ("predicted", "reference", "expected"),
    [
        (["New York Times"], ["New York Times"], (1, 0)),
        (["Ana"], ["Ana Lind"], (0, 1)),
        (["York Times moved"], ["New York Times"], (0, 1)),
        (["Ana", "Lind"], ["Ana Lind"], (0, 1)),
        (["moved"], ["Ana Lind"], (0, 0)),
        (["Rome"], ["Ana Lind"], (0, 0)),
        (["Rome"], ["Rome"], (1, 0)),
        ([], ["Ana"], (0, 0)),
    ],
)
def test_matches(predicted: list[str], reference: list[str], expected: tuple[int, int]) -> None:
    assert partial_counts(entities(*predicted), entities(*reference), SENTENCE) == expected


def test_the_label_does_not_matter_and_broken_lines_are_spurious() -> None:
    def line(text: str, label: str) -> str:
        return json.dumps({"entity_text": text, "entity_label": label})

    reference = f"{line('Ana Lind', 'PER')}\n{line('New York', 'GPE')}"
    prediction = f"Sure:\n{line('Lind', 'ORG')}\n{line('New York', 'LOC')}"
    example = Example("r", (Message("user", SENTENCE),), reference, prediction)
    context = MetricContext(no_entity=NONE)
    metrics = (EntityPartialPrecision(), EntityPartialRecall(), EntityPartialF1())
    counts = metrics[0].score_row(example, context)
    assert counts == (1, 1, 3, 2)
    import numpy as np

    values = [float(metric.aggregate(np.array(counts))) for metric in metrics]
    assert values == pytest.approx([0.5, 0.75, 0.6])


def test_the_text_is_the_field_else_the_last_question() -> None:
    turns = (Message("user", "one"), Message("assistant", "two"), Message("user", "three"))
    assert row_text(Example("r", turns, "", "")) == "three"
    assert row_text(Example("r", turns, "", "", {"text": "four"})) == "four"
    assert row_text(Example("r", (), "", "")) == ""


@given(st.lists(st.sampled_from(["New York", "Ana", "Times", "moved to", "Rome"]), max_size=6))
def test_the_same_entities_are_all_correct(texts: list[str]) -> None:
    assert partial_counts(entities(*texts), entities(*texts), SENTENCE) == (len(texts), 0)
