from __future__ import annotations

import json

import pytest

from ftcore.data.rows import Row, Source
from ftcore.engine import error_analysis as module
from ftcore.engine.error_analysis import question
from ftcore.engine.scoring import score_run
from ftcore.errors import DataError
from ftcore.rendering.messages import Message
from ftcore.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path) -> RunFolder:
    (tmp_path / "scored" / "predictions").mkdir(parents=True)
    return RunFolder(tmp_path / "scored")


def scored(toy, run: RunFolder, train=None, **right: int):
    """Score stages in which the first ``right[stage]`` of the five rows are answered right."""
    prepared = toy.prepare()
    rows = prepared.inputs.test
    for stage, count in right.items():
        lines = [
            json.dumps({"row_id": r.row_id, "text": r.reference if n < count else "no"})
            for n, r in enumerate(rows)
        ]
        (run.file("predictions") / f"{stage}.jsonl").write_text("\n".join([*lines, ""]))
    train = prepared.inputs.train if train is None else train
    return score_run(run, prepared.loaded, rows, train), run.read_lines("errors.jsonl")


def test_every_test_row_with_state_causes_and_nearest_rows(toy, run: RunFolder):
    metrics, lines = scored(toy, run, before=1, after=3)
    states = ["still_right", "fixed", "fixed", "still_wrong", "still_wrong"]
    assert [line["state"] for line in lines] == states
    assert [line["cause"] for line in lines] == [None, None, None, "other_text", "other_text"]
    assert lines[0]["source"].endswith("test.jsonl:1")
    assert lines[1]["causes"]["before"] == [{"cause": "other_text", "detail": ""}]
    near = lines[0]["nearest"]
    assert len(near) == 3
    assert near[0]["question"] == "What is the capital of France?"
    assert (near[0]["reference"], near[0]["source"][-13:]) == ("Paris.", "train.jsonl:1")
    assert near[0]["similarity"] > near[1]["similarity"]
    counts = metrics["errors"]
    assert counts["states"] == {"fixed": 2, "still_right": 1, "still_wrong": 2}
    assert counts["causes"] == {"before": {"other_text": 4}, "after": {"other_text": 2}}
    assert list(counts["definitions"]) == ["other_text"]
    assert (counts["nearest"]["searched"], counts["nearest"]["training_rows"]) == (10, 10)
    assert counts["nearest"]["median_right"] > 0
    assert run.read_json("metrics.json")["errors"] == counts


def test_many_training_rows_are_sampled_evenly(toy, run: RunFolder, monkeypatch):
    monkeypatch.setattr(module, "SEARCHED", 3)
    metrics, lines = scored(toy, run, after=5)
    nearest = metrics["errors"]["nearest"]
    assert (nearest["searched"], nearest["training_rows"]) == (3, 10)
    assert nearest["median_wrong"] is None
    assert all(len(line["nearest"]) <= 3 for line in lines)


def test_training_rows_that_changed_meanwhile_cost_only_the_neighbours(toy, run: RunFolder):
    def changed():
        raise DataError("the training rows have changed since")
        yield

    metrics, lines = scored(toy, run, train=changed(), after=2)
    assert metrics["errors"]["states"] == {"right": 2, "wrong": 3}
    assert metrics["errors"]["nearest"]["median_right"] is None
    assert [line["nearest"] for line in lines] == [[]] * 5


def test_without_any_answer(toy, run: RunFolder):
    metrics, lines = scored(toy, run)
    assert (metrics["errors"]["states"], lines) == ({}, [])


def test_what_a_row_asks():
    turns = [Message("system", "Be brief."), Message("user", "One?"), Message("assistant", "1")]
    row = Row("a", (*turns, Message("user", "Two?"), Message("assistant", "2")), Source("f", 1))
    assert question(row) == "One?\n1\nTwo?"
    document = Row("a", (Message("assistant", "Once upon a time"),), Source("f", 1))
    assert question(document) == "Once upon a time"
