from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest

from ftcore.errors import PluginError, RecipeError
from ftcore.evaluation import metric as module
from ftcore.evaluation.metric import (
    Example,
    MeanMetric,
    MetricContext,
    get_metric,
    metrics,
    ratio,
    register,
)

FIGURES = ("f1", "precision", "recall")
YES_NO = {
    "exact_match",
    "entity_parse_rate",
    "no_entity_accuracy",
    "sql_execution_accuracy",
    "sql_exact_match",
    "sql_parse_rate",
    "persona_consistency",
    "cut_answers",
}
SETTLED = YES_NO | {
    *(f"{kind}_{figure}" for kind in ("token", "character", "entity") for figure in FIGURES),
    *(f"entity_{kind}_{figure}" for kind in ("partial", "macro") for figure in FIGURES),
    *(f"rouge_{kind}_{figure}" for kind in "12l" for figure in "rpf"),
    *(f"bleu_{order}" for order in (1, 2, 3, 4)),
    *(f"cumulative_bleu_{order}" for order in (2, 3, 4)),
    "entity_partial_macro_f1",
    "corpus_bleu",
    "corpus_bleu_zh",
    "chrf",
    "distinct_1",
    "distinct_2",
    "repetition",
    "output_words",
    "output_tokens",
}
UNITS = {"share", "points", "words", "tokens"}


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    before = dict(module._REGISTRY)
    yield
    module._REGISTRY.clear()
    module._REGISTRY.update(before)


class Length(MeanMetric):
    name: ClassVar[str] = "length"
    title: ClassVar[str] = "Length"
    unit: ClassVar[str] = "characters"
    definition: ClassVar[str] = "Mean number of characters (of this test)."

    def row_score(self, example: Example, context: MetricContext) -> float:
        return len(example.prediction)


def test_settled_names_are_all_there() -> None:
    assert set(metrics()) == SETTLED


@pytest.mark.parametrize("name", sorted(SETTLED))
def test_every_metric_says_what_it_is(name: str) -> None:
    metric = get_metric(name)
    assert metric.name == name
    assert metric.title
    assert metric.unit in UNITS
    assert metric.yes_no is (name in YES_NO)
    assert re.search(r"\(.*\d{4}.*\)|own definition|\d{4}", metric.definition)
    assert metric.definition.endswith(".")
    assert metric.__doc__ is not None
    assert f"Unit: {metric.unit}" in metric.__doc__
    direction = {True: "Higher is better", False: "Lower is better", None: ""}
    assert direction[metric.higher_is_better] in metric.__doc__
    assert "Source:" in metric.__doc__


@pytest.mark.parametrize("name", sorted(SETTLED))
def test_every_metric_names_its_counts(name: str) -> None:
    metric = get_metric(name)()
    example = Example("r", (), '{"entity_text": "a", "entity_label": "X"}', "")
    columns = metric.begin([example], MetricContext())
    assert len(set(columns)) == len(columns) >= 2
    sums = np.zeros((4, len(columns)))
    assert np.isnan(metric.aggregate(sums)).all()


def test_limits_follow_the_unit() -> None:
    assert get_metric("token_f1")().limits == (0, 1)
    assert get_metric("chrf")().limits == (0, 100)
    assert get_metric("output_words")().limits is None


def test_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(RecipeError) as caught:
        get_metric("entity_f")
    assert caught.value.code == "recipe.unknown-metric"
    assert caught.value.hint == "did you mean 'entity_f1'?"
    assert caught.value.details["nearest"] == "entity_f1"


def test_unknown_name_without_neighbour_gets_the_list() -> None:
    with pytest.raises(RecipeError, match="zzzzzz") as caught:
        get_metric("zzzzzz")
    assert "token_f1" in str(caught.value.hint)


def test_a_registered_metric_is_found_and_may_be_registered_again() -> None:
    assert register(Length) is Length
    register(Length)
    assert get_metric("length") is Length


def test_two_metrics_of_one_name_are_refused() -> None:
    class Impostor(Length):
        name: ClassVar[str] = "exact_match"

    with pytest.raises(PluginError, match=r"ExactMatch.*Impostor"):
        register(Impostor)


def test_ratio_is_nan_where_undefined() -> None:
    result = ratio(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 0.0]))
    assert result[0] == 0.5
    assert np.isnan(result[1:]).all()


def test_context_gives_one_runner_until_closed() -> None:
    with MetricContext() as context:
        first = context.sql_runner()
        assert context.sql_runner() is first
        context.close()
        assert context.sql_runner() is not first


def test_importing_metrics_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ftcore.evaluation.metric import metrics; import ftcore.evaluation.score;"
        "metrics(); heavy = {'torch', 'jieba', 'sqlglot', 'rouge_chinese', 'scipy', 'pydantic',"
        "'nltk', 'sacrebleu'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
