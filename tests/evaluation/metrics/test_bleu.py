from __future__ import annotations

import json
import math
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.evaluation.metric import Example, MetricContext, get_metric
from ftcore.evaluation.text import bleu_tokens, has_chinese

GOLDEN = Path(__file__).parents[1] / "golden" / "general_qa.jsonl"


def value(
    name: str, prediction: str, reference: str, context: MetricContext | None = None
) -> float:
    example = Example("r", (), reference, prediction)
    return get_metric(name)().score_row(example, context or MetricContext())[0]


def test_equal_to_evalscopes_general_qa() -> None:
    """The file was written by benchmarks/general_qa.py with evalscope 0.5.5rc1."""
    about, *lines = [json.loads(line) for line in GOLDEN.read_text("utf-8").split("\n") if line]
    assert len(lines) == 500
    assert sum(has_chinese(line["prediction"] + line["reference"]) for line in lines) > 200
    rouge = {f"rouge_{n}_{f}" for n in "12l" for f in "rpf"}
    for line in lines:
        pair = (line["prediction"], line["reference"])
        # nltk cuts English; its versions do not agree with each other.
        same = about["nltk"] == version("nltk") or all(map(has_chinese, pair))
        names = rouge | ({f"bleu_{n}" for n in range(1, 5)} if same else set())
        expected = line["scores"] or dict.fromkeys(names, 0.0)
        found = {name: value(name, *pair) for name in names}
        assert found == pytest.approx({name: expected[name] for name in names}, abs=1e-9)


def test_the_signature_names_the_tokenisers() -> None:
    assert get_metric("bleu_4")().signature().split("|")[1] == f"nltk:{version('nltk')}"
    assert get_metric("rouge_l_f")().signature().endswith(version("rouge-chinese"))


def test_known_values() -> None:
    # Tokens: the cat sat on mat | the cat on the mat; both have 5, so no penalty.
    # Single tokens: 4 of the answer's 5 are shared, all but sat; pairs: only the-cat of 4.
    pair = ("the cat sat on mat", "the cat on the mat")
    assert value("bleu_1", *pair) == pytest.approx(0.8)
    assert value("bleu_2", *pair) == pytest.approx(0.25)
    assert value("bleu_3", *pair) == 0
    assert value("cumulative_bleu_2", *pair) == pytest.approx(math.sqrt(0.2))
    assert value("cumulative_bleu_3", *pair) == 0


def test_a_shorter_answer_is_penalised() -> None:
    assert value("bleu_1", "the cat", "the cat sat down") == pytest.approx(math.exp(-1))
    assert value("bleu_2", "the cat", "the cat sat down") == pytest.approx(math.exp(-1))
    assert value("bleu_1", "the the the the", "the cat") == pytest.approx(0.25)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_side_scores_zero(blank: str) -> None:
    assert value("bleu_1", blank, "a b") == value("bleu_1", "a b", blank) == 0
    assert value("cumulative_bleu_4", blank, "a b") == 0


def test_the_recipes_opening_is_cut() -> None:
    context = MetricContext(strip_prefix="Ahoy! ")
    assert value("bleu_1", "Ahoy! no", "Ahoy! yes", context) == 0
    assert value("bleu_1", "Ahoy! no", "Ahoy! yes") > 0


def test_tokens() -> None:
    assert bleu_tokens("It's 3,000.") == ("It", "'s", "3,000", ".")
    assert bleu_tokens("九点 开门。") == ("九点", " ", "开门", "。")


words = st.lists(st.sampled_from(["the", "cat", "sat", "on", "mat"]), min_size=1, max_size=12)


@settings(deadline=None)
@given(words, words)
def test_cumulative_is_nltks_sentence_bleu(prediction: list[str], reference: list[str]) -> None:
    from nltk.translate.bleu_score import sentence_bleu  # type: ignore[import-untyped]

    for order in (2, 3, 4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about orders without a match
            expected = sentence_bleu([reference], prediction, weights=[1 / order] * order)
        found = value(f"cumulative_bleu_{order}", " ".join(prediction), " ".join(reference))
        # Where an order has no match, nltk puts the smallest float instead of 0.
        assert found == pytest.approx(expected, abs=1e-9)
