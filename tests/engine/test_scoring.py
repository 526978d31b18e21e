from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftcore.engine.scoring import main_metric, metric_context, read_predictions, score_run
from ftcore.errors import DataError
from ftcore.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "scored" / "predictions").mkdir(parents=True)
    return RunFolder(tmp_path / "scored")


def answer(run: RunFolder, stage: str, answers: dict[str, str]) -> None:
    lines = [json.dumps({"row_id": k, "text": v}, ensure_ascii=False) for k, v in answers.items()]
    path = run.file("predictions") / f"{stage}.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def score(toy, run: RunFolder, *overrides: str, right: dict[str, int]):
    """Score stages in which the first ``right[stage]`` of the five rows are answered right."""
    prepared = toy.prepare(*overrides)
    rows = prepared.inputs.test
    for stage, count in right.items():
        answers = {r.row_id: r.reference if n < count else "no" for n, r in enumerate(rows)}
        answer(run, stage, answers)
    return score_run(run, prepared.loaded, rows)


def test_stages_differences_and_slices(toy, run: RunFolder):
    metrics = score(toy, run, right={"before": 0, "few_shot": 1, "after": 4})
    values = {stage: found["exact_match"]["value"] for stage, found in metrics["stages"].items()}
    assert values == {"before": 0.0, "few_shot": 0.2, "after": 0.8}
    differences = metrics["differences"]
    assert differences["before"]["exact_match"]["difference"] == pytest.approx(0.8)
    assert differences["few_shot"]["exact_match"]["difference"] == pytest.approx(0.6)
    # Kinds are a, a, b, b, b.
    after = {v: s["after"]["exact_match"]["value"] for v, s in metrics["slices"]["kind"].items()}
    assert after == {"a": 1.0, "b": pytest.approx(2 / 3)}
    assert metrics["main"]["stages"]["after"] == metrics["stages"]["after"]["exact_match"]
    assert run.read_json("metrics.json") == metrics


def test_the_slice_that_decides(toy, run: RunFolder):
    metrics = score(toy, run, "evaluation.main_slice=kind=b", right={"before": 0, "after": 4})
    assert metrics["main"]["slice"] == "kind=b"
    assert metrics["main"]["stages"]["after"]["n"] == 3
    assert metrics["main"]["stages"]["after"]["value"] == pytest.approx(2 / 3)
    assert metrics["main"]["differences"]["before"]["n"] == 3
    assert metrics["stages"]["after"]["exact_match"]["n"] == 5


def test_a_slice_without_rows_is_refused_before_any_compute(toy):
    with pytest.raises(DataError) as caught:
        toy.prepare("evaluation.main_slice=kind=c")
    assert caught.value.code == "data.main-slice"
    assert caught.value.hint == "its values there: a, b"
    with pytest.raises(DataError, match='no test row has sort = "b"'):
        toy.prepare("evaluation.main_slice=sort=b")


def test_only_stages_that_ran_are_scored(toy, run: RunFolder):
    metrics = score(toy, run, right={"before": 1})
    assert list(metrics["stages"]) == ["before"]
    assert metrics["differences"] == {}


def test_without_any_answer_there_is_nothing_to_score(toy, run: RunFolder):
    metrics = score(toy, run, right={})
    assert (metrics["stages"], metrics["main"]["stages"]) == ({}, {})


def test_the_rows_with_all_answers(toy, run: RunFolder):
    score(toy, run, right={"before": 0, "after": 5})
    rows = run.read_lines("predictions/rows.jsonl")
    assert [row["answers"] for row in rows] == [
        {"before": "no", "after": row["reference"]} for row in rows
    ]
    assert rows[0]["source"].endswith("test.jsonl:1")
    assert rows[0]["prompt"] == [
        {"role": "user", "content": "Which is the capital of France?"},
    ]
    assert rows[0]["fields"] == {"kind": "a"}


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\n"])
def test_answers_with_line_breaks_of_every_kind(run: RunFolder, odd: str):
    answer(run, "after", {"a": f"one{odd}two", "b": odd})
    found = read_predictions(run.file("predictions/after.jsonl"))
    assert found == {"a": f"one{odd}two", "b": odd}


def test_the_metric_that_decides(toy):
    assert main_metric(toy.prepare().loaded) == "exact_match"
    two = toy.prepare('evaluation.metrics=["rouge_l_f","exact_match"]')
    assert main_metric(two.loaded) == "rouge_l_f"
    named = toy.prepare(
        'evaluation.metrics=["rouge_l_f","exact_match"]', "evaluation.main_metric=exact_match"
    )
    assert main_metric(named.loaded) == "exact_match"


def test_the_metrics_options_come_from_the_recipe(toy):
    (toy.root / "databases").mkdir()
    loaded = toy.prepare(
        "evaluation.sql.databases=databases",
        "evaluation.sql.timeout_seconds=2",
        "evaluation.text.strip_opening=Well,",
    ).loaded
    context = metric_context(loaded)
    assert context.databases == toy.root / "databases"
    assert (context.sql.seconds, context.strip_prefix) == (2.0, "Well,")


def test_every_difference_says_how_sure_it_is(toy, run: RunFolder):
    metrics = score(
        toy, run, 'evaluation.metrics=["exact_match", "token_f1"]', right={"before": 0, "after": 4}
    )
    found = metrics["differences"]["before"]
    assert found["exact_match"]["p_value"] == found["exact_match"]["p_adjusted"] == 0.0625
    assert found["exact_match"]["words"] == "no significant difference"
    assert found["exact_match"]["detectable"] > 0.5
    assert metrics["generation"] == {}
    assert metrics["validation"] is None


def test_what_generation_noted_is_there_for_metrics(toy, run: RunFolder):
    prepared = toy.prepare('evaluation.metrics=["cut_answers", "output_tokens", "output_words"]')
    lines = [
        {"row_id": row.row_id, "text": "one two", "token_ids": [1, 2, 3], "finish": finish}
        for row, finish in zip(
            prepared.inputs.test, ["stop", "stop", "length", "stop", "stop"], strict=True
        )
    ]
    path = run.file("predictions") / "after.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = score_run(run, prepared.loaded, prepared.inputs.test)["stages"]["after"]
    assert {name: figures["value"] for name, figures in found.items()} == {
        "cut_answers": 0.2,
        "output_tokens": 3.0,
        "output_words": 2.0,
    }
