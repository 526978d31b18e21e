"""The NER recipe's data: what the rows promise, and that the script makes these very bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "recipes" / "data" / "ner"
FILES = [
    "train.jsonl",
    "test.jsonl",
    "fewshot.jsonl",
    "zh/train.jsonl",
    "zh/fewshot.jsonl",
    "zh/test.jsonl",
]
Json = dict[str, Any]


def load(name: str) -> list[Json]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def share_without(rows: list[Json]) -> float:
    return sum(not row["entities"] for row in rows) / len(rows)


def test_the_script_makes_these_bytes(tmp_path: Path) -> None:
    script = ROOT / "recipes" / "make" / "make_ner.py"
    subprocess.run([sys.executable, script, "--out", tmp_path], check=True, capture_output=True)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name


@pytest.mark.parametrize("name", FILES)
def test_offsets_slice_to_the_entity(name: str) -> None:
    for row in load(name):
        ends = [0]
        for found in row["entities"]:
            assert row["text"][found["start_idx"] : found["end_idx"]] == found["entity_text"]
            assert found["start_idx"] >= ends[-1], "entities are in order and do not overlap"
            assert found["entity_label"] in {"GPE", "PER", "ORG", "LOC"}
            ends.append(found["end_idx"])
        assert len(row["entities"]) <= 3
        assert ("negative_kind" in row) == (not row["entities"])


@pytest.mark.parametrize(
    ("train", "test"), [("train.jsonl", "test.jsonl"), ("zh/train.jsonl", "zh/test.jsonl")]
)
def test_test_rows_are_unseen(train: str, test: str) -> None:
    seen, unseen = load(train), load(test)
    texts = [row["text"] for row in seen + unseen]
    assert len(set(texts)) == len(texts)
    known = "\n".join(row["text"] for row in seen)
    for row in unseen:
        assert all(found["entity_text"] not in known for found in row["entities"])


def test_sizes_and_shares() -> None:
    train, test = load("train.jsonl"), load("test.jsonl")
    assert len(train) == 420
    assert len(test) >= 120
    assert 0.40 <= share_without(train) <= 0.45
    assert sum(row.get("negative_kind") == "hand" for row in train) >= 70
    assert sum(row.get("negative_kind") == "hand" for row in test) >= 30
    assert max(len(row["text"].split()) for row in train + test) <= 22


def test_labels_are_close_to_balanced() -> None:
    for rows in (load("train.jsonl"), load("test.jsonl")):
        counts = Counter(found["entity_label"] for row in rows for found in row["entities"])
        assert min(counts.values()) >= 0.75 * max(counts.values())


def test_few_shot_rows_are_training_rows_with_all_labels() -> None:
    shots = load("fewshot.jsonl")
    train = load("train.jsonl")
    assert len(shots) == 3
    assert all(shot in train for shot in shots)
    labels = [found["entity_label"] for shot in shots for found in shot["entities"]]
    assert sorted(labels) == ["GPE", "LOC", "ORG", "PER"]
    assert sum(not shot["entities"] for shot in shots) == 1


def test_chinese_rows_offer_the_course_labels() -> None:
    train, test = load("zh/train.jsonl"), load("zh/test.jsonl")
    assert len(train) >= 60
    assert len(test) >= 20
    assert 0.5 <= share_without(train) <= 0.7
    course = {"GPE": "地理实体", "PER": "人名", "ORG": "组织", "LOC": "地点"}
    for row in train + test:
        for found in row["entities"]:
            assert course[found["entity_label"]] in found["entity_names"]
