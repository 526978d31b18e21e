from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from ftcore.errors import UnsupportedError
from ftcore.report import MetricTable, SliceTable
from ftcore.report.tables import Difference
from ftcore.runs.folder import RunFolder


@pytest.fixture
def metrics(finished_run: RunFolder) -> dict[str, Any]:
    data: dict[str, Any] = finished_run.read_json("metrics.json")
    return data


def test_the_metric_table_holds_every_stage_and_both_differences(metrics: dict[str, Any]) -> None:
    table = MetricTable.from_metrics(metrics)
    row = table["entity_f1"]
    assert [row.name for row in table] == ["entity_f1", "entity_parse_rate"]
    assert row.scores["after"].value == 0.7185
    assert row.differences["before"].words == "higher"
    assert row.differences["before"].tone() == "good"
    assert table["entity_parse_rate"].differences["few_shot"].tone() == "even"
    with pytest.raises(KeyError):
        table["bleu"]


def test_the_metric_table_prints_as_text_markdown_and_html(metrics: dict[str, Any]) -> None:
    table = MetricTable.from_metrics(metrics)
    assert "no significant difference" in str(table)
    assert table._repr_markdown_().startswith("| Metric | Unit | Before | Few-shot | After |")
    assert table._repr_html_().startswith('<table class="ft-table">')


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"p_value": 0.4, "detectable": 0.125}, "no significant difference (detectable: 0.125)"),
        ({"p_value": 0.02, "p_adjusted": 0.08}, "no significant difference after correction"),
        ({"p_value": 0.4}, "no significant difference"),
        ({}, "no significant difference"),
        ({"words": "lower", "p_value": 0.01, "detectable": 0.1}, "lower"),
    ],
)
def test_a_difference_says_what_could_have_been_seen(figures: dict[str, Any], words: str) -> None:
    given = {"words": "no significant difference"} | figures
    fixed: dict[str, Any] = {"difference": 0.1, "low": 0.0, "high": 0.2, "better": None, "n": 12}
    found = Difference.from_json(fixed | given | {"something": "newer"})
    assert found.verdict() == words


def test_a_metric_without_a_better_direction_claims_none(metrics: dict[str, Any]) -> None:
    for scores in metrics["scores"].values():
        scores["metrics"]["entity_f1"] |= {"unit": "words", "higher_is_better": None}
    assert "lower is better" not in str(MetricTable.from_metrics(metrics))


def test_dictionaries_are_flat(metrics: dict[str, Any]) -> None:
    first = MetricTable.from_metrics(metrics).to_dicts()[0]
    assert first["metric"] == "entity_f1"
    assert first["after_low"] == pytest.approx(0.6485)
    assert first["after_minus_before"] == pytest.approx(0.6275)
    assert first["after_minus_few_shot_words"] == "higher"


def test_stages_that_were_not_scored_have_no_column(metrics: dict[str, Any]) -> None:
    for part in ("stages", "scores"):
        metrics[part] = {"after": metrics[part]["after"]}
    metrics["differences"] = {}
    titles = [column.title for column in MetricTable.from_metrics(metrics).grid().columns]
    assert titles == ["Metric", "Unit", "After"]


def test_a_metric_where_less_is_better_says_so(metrics: dict[str, Any]) -> None:
    for scores in metrics["scores"].values():
        scores["metrics"]["entity_f1"] |= {"unit": "nats", "higher_is_better": False}
    assert "nats; lower is better" in str(MetricTable.from_metrics(metrics))


def test_slices_leave_out_metrics_that_are_undefined_there(metrics: dict[str, Any]) -> None:
    table = SliceTable.from_metrics(metrics)
    assert [(row.value, row.name) for row in table] == [
        ("手写", "entity_parse_rate"),
        ("<b>made</b>", "entity_f1"),
    ]
    assert table.to_dicts()[0]["n"] == 4


def test_a_data_frame_without_pandas_is_refused_with_the_way_out(
    metrics: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib, "import_module", without_pandas(importlib.import_module))
    with pytest.raises(UnsupportedError, match="pandas") as caught:
        MetricTable.from_metrics(metrics).to_pandas()
    assert "ftcore[notebook]" in str(caught.value.hint)


def test_a_data_frame_has_a_row_a_metric(metrics: dict[str, Any]) -> None:
    pytest.importorskip("pandas")
    frame = MetricTable.from_metrics(metrics).to_pandas()
    assert list(frame["metric"]) == ["entity_f1", "entity_parse_rate"]


def without_pandas(real: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
    def find(name: str, package: str | None = None) -> ModuleType:
        if name == "pandas":
            raise ImportError(name)
        return real(name, package)

    return find
