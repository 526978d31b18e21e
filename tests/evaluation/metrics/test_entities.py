from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.errors import DataError
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.entities import (
    EntityF1,
    EntityParseRate,
    EntityPrecision,
    EntityRecall,
    NoEntityAccuracy,
)

NONE = "No entities."
CONTEXT = MetricContext(no_entity=NONE, labels=("PER", "GPE"))
Pair = tuple[str, str]
pairs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["PER", "GPE"])), max_size=5)


def text(*entities: Pair) -> str:
    lines = [json.dumps({"entity_text": t, "entity_label": label}) for t, label in entities]
    return "\n".join(lines) if lines else NONE


def row(reference: str, prediction: str) -> Example:
    return Example("r", (), reference, prediction)


def figures(examples: list[Example]) -> tuple[float, float, float]:
    sums = np.sum([EntityF1().score_row(one, CONTEXT) for one in examples], axis=0)
    metrics = (EntityPrecision(), EntityRecall(), EntityF1())
    return tuple(float(metric.aggregate(sums)) for metric in metrics)  # type: ignore[return-value]


def test_known_values() -> None:
    rome, ana, label, shorter = ("Rome", "GPE"), ("Ana", "PER"), ("Rome", "PER"), ("An", "PER")
    examples = [
        row(text(rome, ana), text(ana, rome)),  # 2 of 2 and of 2
        row(text(rome, ana), text(label, shorter)),  # 0 of 2 and of 2
        row(text(rome), text(rome, rome)),  # 1 of 2 and of 1
        row(text(), text(rome)),  # 0 of 1 and of 0
        row(text(ana), "Sure!\n" + text(ana)),  # 1 of 2 and of 1
        row(text(ana), NONE),  # 0 of 0 and of 1
    ]
    # correct 4, predicted 9, in the references 7
    assert figures(examples) == pytest.approx((4 / 9, 4 / 7, 8 / 16))


def test_nothing_on_either_side_is_undefined_and_one_side_is_zero() -> None:
    assert all(math.isnan(value) for value in figures([row(text(), NONE)]))
    assert figures([row(text(("a", "PER")), NONE)]) == (0, 0, 0)
    assert figures([row(text(), text(("a", "PER")))]) == (0, 0, 0)


def test_parse_rate_and_negatives() -> None:
    rate, negatives = EntityParseRate(), NoEntityAccuracy()
    assert rate.score_row(row(text(), "prose"), CONTEXT) == (0, 1)
    assert rate.score_row(row(text(), ""), CONTEXT) == (0, 1)
    assert rate.score_row(row(text(), text(("a", "b"))), CONTEXT) == (1, 1)
    assert negatives.applies(row(text(), ""))
    assert not negatives.applies(row(text(("a", "b")), ""))
    assert negatives.score_row(row(text(), f"{NONE}\n"), CONTEXT) == (1, 1)
    assert negatives.score_row(row(text(), ""), CONTEXT) == (0, 1)
    assert negatives.score_row(row(text(), f"{NONE} {NONE}"), CONTEXT) == (0, 1)


def test_a_reference_out_of_format_is_an_error_and_a_problem() -> None:
    for metric in (EntityF1(), NoEntityAccuracy()):
        with pytest.raises(DataError):
            metric.score_row(row("prose", NONE), CONTEXT)
        assert len(metric.problems([row("prose", ""), row(text(), "")], CONTEXT)) == 1


@given(st.lists(st.tuples(pairs, pairs), max_size=8))
def test_equal_to_counting_by_hand(rows: list[tuple[list[Pair], list[Pair]]]) -> None:
    correct = sum((Counter(a) & Counter(b)).total() for a, b in rows)
    total = sum(len(a) + len(b) for a, b in rows)
    examples = [row(text(*a), text(*b)) for a, b in rows] or [row(text(), text())]
    f1 = figures(examples)[2]
    assert f1 == pytest.approx(2 * correct / total) if total else math.isnan(f1)


@given(pairs.filter(bool), st.randoms())
def test_a_permutation_of_the_reference_is_perfect(entities: list[Pair], random: object) -> None:
    shuffled = list(entities)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert figures([row(text(*entities), text(*shuffled))]) == (1, 1, 1)
