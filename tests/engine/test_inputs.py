"""What is read for a run besides the stream, and when."""

from __future__ import annotations

import json

import pytest

from ftcore.engine.inputs import open_data, read_test
from ftcore.errors import DataError
from ftcore.recipe.loading import load_recipe


def test_a_broken_beginning_is_told_before_a_model_is_fetched(toy) -> None:
    text = (toy.root / "train.jsonl").read_text()
    (toy.root / "train.jsonl").write_text(text + "broken\n" * 30)
    with pytest.raises(DataError, match="30 of 40 records cannot be used"):
        toy.prepare("model.id=nowhere-at-all")


def test_training_rows_are_read_again_unless_their_files_changed(toy) -> None:
    train = toy.prepare("data.split.validation=0.3").inputs.train
    once = list(train)
    assert 0 < len(once) < 10
    assert list(train) == once
    with (toy.root / "train.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match="have changed"):
        list(train)


def test_examples_are_test_rows_or_else_training_rows(toy) -> None:
    inputs = toy.prepare("export.verify=3").inputs
    assert inputs.examples == inputs.test[:3]
    inputs = toy.prepare("export.verify=3", "data.test=[]", "data.limit=2").inputs
    assert [item.source.line for item in inputs.examples] == [1, 2, 3]


def test_test_rows_are_split_off(toy) -> None:
    options = ["data.test=[]", "data.split.test=0.4"]
    loaded = load_recipe(toy.recipe, overrides=options)
    held = read_test(loaded)
    prepared = toy.prepare(*options)
    assert prepared.inputs.test == held
    assert prepared.plan.rows == {"train": 10 - len(held), "validation": 0, "test": len(held)}
    lines = {item.source.line for item in open_data(loaded).rows("train")}
    assert lines.isdisjoint(item.source.line for item in held)


def test_a_reused_stream_gives_the_same_plan(toy) -> None:
    more = [{"prompt": f"Q {n // 2}?", "completion": f"{n}"} for n in range(40)]
    with (toy.root / "train.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(item) + "\n" for item in more)
    options = ("data.test=[]", "data.split.test=0.2", "data.split.validation=0.2", "data.limit=20")
    first, second = toy.prepare(*options), toy.prepare(*options)
    assert (first.plan.stream_reused, second.plan.stream_reused) == (False, True)
    assert second.inputs.test == first.inputs.test
    assert second.plan.warnings == first.plan.warnings != []
    assert second.plan.shaping == first.plan.shaping != []
    assert second.plan.account == first.plan.account
