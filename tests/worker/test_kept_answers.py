"""Answers of an earlier attempt are kept only where the very same was asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ftcore.protocol import Decoding, Job, ModelRef, Stage
from ftcore.worker.kept_answers import KeptAnswers, answers_key, key_file, read_answers

DECODING = Decoding(16, False, 1.0, 1.0, 0, 1.0, 512, 0, 1, [1])
CHANGES = {
    "evaluator": {"evaluator": "another:Evaluator"},
    "device": {"device": "cuda"},
    "threads": {"threads": 2},
    "dtype": {"model": ModelRef("m", "bfloat16", "sdpa", False)},
}


@pytest.fixture
def asked(tmp_path: Path, make_job) -> tuple[Job, Stage]:
    """A job with one stage, its prompts and an adapter."""
    requests, adapter = tmp_path / "requests.jsonl", tmp_path / "adapter"
    requests.write_text('{"row_id": "a", "prompt_ids": [1, 2]}\n')
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    (adapter / "adapter_config.json").write_text("{}")
    stage = Stage(
        "after",
        "generate",
        str(tmp_path / "after.jsonl"),
        str(requests),
        str(adapter),
        DECODING,
        {"identity": "model environment code"},
    )
    return make_job([stage], model=ModelRef("m", "float32", "sdpa", False)), stage


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_job_says_decides(asked, change):
    job, stage = asked
    assert answers_key(job, stage) != answers_key(replace(job, **CHANGES[change]), stage)


def test_prompts_decoding_adapter_and_identity_decide(asked):
    job, stage = asked
    keys = {answers_key(job, stage)}
    keys.add(answers_key(job, replace(stage, decoding=replace(DECODING, max_new_tokens=17))))
    keys.add(answers_key(job, replace(stage, adapter=None)))
    keys.add(answers_key(job, replace(stage, options={"identity": "another model"})))
    Path(str(stage.input)).write_text('{"row_id": "a", "prompt_ids": [1, 3]}\n')
    keys.add(answers_key(job, stage))
    (Path(str(stage.adapter)) / "adapter_model.safetensors").write_bytes(b"Weights")
    keys.add(answers_key(job, stage))
    assert len(keys) == 6


def test_the_place_of_an_adapter_does_not(asked, tmp_path):
    job, stage = asked
    key = answers_key(job, stage)
    moved = Path(str(stage.adapter)).rename(tmp_path / "elsewhere")
    assert answers_key(job, replace(stage, adapter=str(moved))) == key


def test_whole_lines_of_an_interrupted_attempt_stay(tmp_path):
    path = tmp_path / "after.jsonl"
    lines = KeptAnswers(path, "key")
    lines.append({"row_id": "a", "text": "one\u2028line"})
    lines.append({"row_id": "b", "text": "two"})
    lines.close()
    with path.open("ab") as file:
        file.write(b'{"row_id": "c", "te')
    again = KeptAnswers(path, "key")
    assert sorted(again.kept) == ["a", "b"]
    again.append({"row_id": "c", "text": "three"})
    again.close()
    written = [json.loads(line)["row_id"] for line in path.read_text("utf-8").split("\n") if line]
    assert written == ["a", "b", "c"]


def test_answers_under_another_key_are_thrown_away(tmp_path):
    path = tmp_path / "after.jsonl"
    first = KeptAnswers(path, "key")
    first.append({"row_id": "a"})
    first.close()
    second = KeptAnswers(path, "another key")
    second.close()
    assert second.kept == {}
    assert path.read_bytes() == b""
    assert key_file(path).read_text() == "another key"


def test_half_a_line_alone_is_nothing(tmp_path):
    path = tmp_path / "after.jsonl"
    path.write_text('{"row_id": "a"')
    key_file(path).write_text("key")
    assert read_answers(path, "key") == []
    lines = KeptAnswers(path, "key")
    lines.close()
    assert path.read_bytes() == b""
