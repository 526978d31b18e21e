from __future__ import annotations

import json

import numpy as np
import pytest

from ftcore.engine.job import stages
from ftcore.engine.prepare import padded_tokens
from ftcore.errors import DataError, ModelError, RecipeError
from ftcore.runs.folder import RunFolder


def test_the_plan(toy):
    plan = toy.prepare().plan
    assert plan.rows == {"train": 10, "validation": 0, "test": 5}
    assert (plan.backend, plan.device, plan.recipe) == ("toy", "cpu", "capitals")
    assert plan.settings.steps == 5
    assert 0 < plan.supervised_tokens < plan.tokens
    assert plan.longest * 10 >= plan.tokens
    assert plan.stop_token == "<|im_end|>"
    assert (plan.machine_problems, plan.approximate) == ([], [])
    assert json.loads(json.dumps(plan.to_json())) == plan.to_json()


def test_planning_computes_and_builds_nothing(toy):
    toy.prepare()
    assert not toy.runs.exists()
    rooms = {path.name for path in toy.cache.iterdir()}
    assert rooms <= {"streams", "models"}


def test_the_stages_of_a_job(toy, tmp_path):
    (toy.root / "shots.jsonl").write_text('{"prompt": "one?", "completion": "two."}\n')
    prepared = toy.prepare("evaluation.few_shot=shots.jsonl", "export.verify=2")
    run = RunFolder(tmp_path / "one")
    (run.path / "requests").mkdir(parents=True)
    found = stages(run, prepared)
    assert [(s.name, s.kind) for s in found] == [
        ("before", "generate"),
        ("few_shot", "generate"),
        ("train", "train"),
        ("after", "generate"),
        ("export", "export"),
    ]
    before, few_shot, train, after, export = found
    adapter = str(run.path / "adapter")
    assert [s.adapter for s in (before, few_shot, after, export)] == [None, None, adapter, adapter]
    assert (train.output, train.input) == (adapter, str(run.path / "stream"))
    assert before.decoding == after.decoding
    assert after.decoding is not None
    assert after.decoding.stop_ids == list(prepared.renderer.stop_ids)
    assert len(export.options["prompts"]) == 2
    assert export.options["dtype"] == "float32"


def test_padded_tokens_by_hand(toy):
    prepared = toy.prepare()
    lengths = prepared.stream.lengths("train")
    wanted = 0
    for number in range(prepared.order.micro_batches):
        start, end = prepared.order.offsets[number : number + 2]
        rows = prepared.order.rows[start:end]
        wanted += len(rows) * int(np.ceil(max(lengths[rows]) / 8) * 8)
    assert padded_tokens(prepared.order, lengths, 8) == wanted
    assert padded_tokens(prepared.order, lengths, 1) < wanted


@pytest.mark.parametrize(
    ("overrides", "error", "code"),
    [
        (["default_backend=toys"], RecipeError, "recipe.unknown-backend"),
        (['evaluation.metrics=["exact_mach"]'], RecipeError, "recipe.unknown-metric"),
        (["model.id=./none"], ModelError, "model.no-folder"),
        (["data.max_length=3"], DataError, "data.overlong"),
        (["data.max_length=3", "data.overlong=drop"], DataError, None),
        (
            ["data.max_length=3", "data.overlong=drop", "data.allow_lost=1"],
            DataError,
            "data.no-rows",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_any_compute(toy, overrides, error, code):
    with pytest.raises(error) as caught:
        toy.prepare(*overrides)
    assert caught.value.exit_code == 2
    assert code is None or caught.value.code == code


def test_validation_without_rows_is_refused(toy):
    """The only row is too long, and may be dropped."""
    row = {"prompt": "far too long " * 100, "completion": "yes"}
    (toy.root / "validation.jsonl").write_text(json.dumps(row) + "\n")
    options = ["data.validation=validation.jsonl", "data.overlong=drop", "data.allow_lost=1"]
    assert toy.prepare(*options).plan.rows["validation"] == 0
    with pytest.raises(DataError) as caught:
        toy.prepare(*options, "train.validation.every_steps=1")
    assert caught.value.code == "data.no-validation"


def test_test_rows_that_are_trained_on_are_warned_of(toy):
    (toy.root / "test.jsonl").write_text((toy.root / "train.jsonl").read_text())
    assert toy.prepare().plan.warnings


def test_the_order_depends_on_the_seed_and_the_stream_does_not(toy):
    first, same, other = toy.prepare(), toy.prepare(), toy.prepare("train.seed=8")
    assert first.plan.order == same.plan.order != other.plan.order
    assert first.plan.stream == other.plan.stream
    assert [p.plan.stream_reused for p in (first, same, other)] == [False, True, True]
