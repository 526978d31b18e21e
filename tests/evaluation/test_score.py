from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.errors import DataError, RecipeError
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.score import Scores, compare, differences_to_json, problems, score, slices

NONE = "No entities."
ROME = '{"entity_text": "Rome", "entity_label": "GPE"}'
ANA = '{"entity_text": "Ana", "entity_label": "PER"}'


def entity_rows(predictions: list[str]) -> list[Example]:
    references = [ROME, f"{ROME}\n{ANA}", NONE]
    return [
        Example(f"r{i}", (), reference, prediction, {"slice": "plain" if i < 2 else "negative"})
        for i, (reference, prediction) in enumerate(zip(references, predictions, strict=True))
    ]


CONTEXT = MetricContext(no_entity=NONE)
NAMES = ["entity_f1", "no_entity_accuracy", "exact_match"]


def test_values_counts_and_rows() -> None:
    scores = score(entity_rows([ROME, ANA, ROME]), NAMES, CONTEXT)
    assert list(scores.metrics) == NAMES
    f1 = scores["entity_f1"]
    assert f1.counts.tolist() == [[1, 1, 1], [1, 1, 2], [0, 1, 0]]
    assert f1.value == pytest.approx(4 / 6)
    assert f1.row_values.tolist() == pytest.approx([1, 2 / 3, 0])
    assert f1.interval.low <= f1.value <= f1.interval.high
    assert (f1.n, scores["no_entity_accuracy"].n) == (3, 1)
    assert scores["no_entity_accuracy"].row_ids == ("r2",)


def test_compare_pairs_rows_by_id() -> None:
    before = score(entity_rows(["", "", ROME]), NAMES, CONTEXT)
    after = score(entity_rows([ROME, f"{ROME}\n{ANA}", NONE])[::-1], NAMES, CONTEXT)
    compared = compare(before, after)
    assert compared["entity_f1"].before == 0
    assert compared["entity_f1"].after == 1
    assert compared["exact_match"].difference == 1
    # Three rows show nothing, however clear they are.
    assert compared["exact_match"].words == "no significant difference"
    plain = json.loads(json.dumps(differences_to_json(compared)))["exact_match"]
    assert (plain["better"], plain["p_value"], plain["p_adjusted"]) == (None, 0.125, 0.375)


def test_compare_refuses_other_rows() -> None:
    rows = entity_rows([ROME, ANA, ROME])
    before = score(rows, NAMES, CONTEXT)
    after = score(rows[:2], NAMES, CONTEXT)
    with pytest.raises(DataError, match="1 only before, 0 only after") as caught:
        compare(before, after)
    assert caught.value.code == "evaluation.rows-differ"


def test_slices_are_scores_of_their_own() -> None:
    rows = entity_rows([ROME, ANA, NONE])
    scores = score(rows, NAMES, CONTEXT)
    parts = slices(scores, rows, "slice")
    assert list(parts) == ["negative", "plain"]
    assert parts["plain"]["entity_f1"].value == pytest.approx(0.8)
    assert parts["plain"]["exact_match"].n == 2
    assert math.isnan(parts["negative"]["entity_f1"].value)
    assert parts["negative"].summary()["entity_f1"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 1,
    }
    assert math.isnan(parts["plain"]["no_entity_accuracy"].value)
    assert slices(scores, rows, "absent") == {}
    assert compare(parts["plain"], parts["plain"])["exact_match"].difference == 0


def test_json_round_trip() -> None:
    scores = score(entity_rows([ROME, "", NONE]), [*NAMES, "persona_consistency"], CONTEXT)
    text = json.dumps(scores.to_json(), allow_nan=False)
    again = Scores.from_json(json.loads(text))
    assert json.dumps(again.to_json()) == text
    for name, one in scores.metrics.items():
        np.testing.assert_array_equal(one.counts, again[name].counts)
        np.testing.assert_array_equal(one.row_values, again[name].row_values)
        assert one.row_ids == again[name].row_ids
    assert again["persona_consistency"].n == 0
    assert compare(scores, again)["exact_match"].difference == 0


def test_the_main_metric_stands_alone_and_the_others_together() -> None:
    before = score(entity_rows(["", "", ROME]), NAMES, CONTEXT)
    after = score(entity_rows([ROME, f"{ROME}\n{ANA}", NONE]), NAMES, CONTEXT)
    compared = compare(before, after, main="exact_match")
    assert compared["exact_match"].p_adjusted == compared["exact_match"].p_value
    others = compare(before, after)
    assert others["exact_match"].p_adjusted >= 2 * compared["exact_match"].p_value


def test_other_labels_do_not_compare() -> None:
    rows = entity_rows([ROME, ANA, NONE])
    first = score(rows, ["entity_macro_f1"], MetricContext(no_entity=NONE, labels=("GPE",)))
    second = score(rows, ["entity_macro_f1"], MetricContext(no_entity=NONE, labels=("PER",)))
    with pytest.raises(DataError) as caught:
        compare(first, second)
    assert caught.value.code == "evaluation.counts-differ"


def test_an_unknown_metric_is_a_recipe_error() -> None:
    with pytest.raises(RecipeError, match="rouge"):
        score([], ["rouge"], CONTEXT)


def test_problems_come_all_at_once_and_once_each() -> None:
    rows = [Example("a", (), "prose", ""), Example("b", (), ROME, ""), Example("c", (), "", "")]
    found = problems(rows, ["entity_f1", "entity_recall", "no_entity_accuracy"], CONTEXT)
    assert [problem.message.split(":")[0] for problem in found] == ["row a", "row c"]
    assert {problem.code for problem in found} == {"data.entity-reference"}


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_rows_changes_no_value(order: list[int]) -> None:
    texts = ["a cat", "the cat sat", "dog", "", "a b c d", "cat cat"]
    rows = [Example(str(i), (), "the cat sat here", text) for i, text in enumerate(texts)]
    names = ["token_f1", "rouge_l_f", "distinct_1", "exact_match"]
    straight = score(rows, names, CONTEXT)
    mixed = score([rows[i] for i in order], names, CONTEXT)
    for name in names:
        assert mixed[name].value == pytest.approx(straight[name].value, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=8))
def test_mean_metrics_are_the_mean_of_their_rows(texts: list[str]) -> None:
    rows = [Example(str(i), (), "the cat sat", text) for i, text in enumerate(texts)]
    scores = score(rows, ["token_f1", "rouge_1_f", "exact_match"], CONTEXT)
    for one in scores.metrics.values():
        assert one.value == pytest.approx(one.row_values.mean(), abs=1e-12)
