"""The persona recipe's data: what the rows promise, and that the script makes these very bytes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "recipes" / "data" / "persona"
LANGUAGES = ["", "zh/"]
FILES = ["fewshot.jsonl"] + [
    folder + name for folder in LANGUAGES for name in ("train.jsonl", "test.jsonl", "persona.json")
]
Json = dict[str, Any]


def load(name: str) -> list[Json]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def plain(words: str) -> str:
    return re.sub(r"[\W_]+", "", words.lower())


def test_the_script_makes_these_bytes(tmp_path: Path) -> None:
    script = ROOT / "recipes" / "make" / "make_persona.py"
    subprocess.run([sys.executable, script, "--out", tmp_path], check=True, capture_output=True)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name


@pytest.mark.parametrize("folder", LANGUAGES)
def test_test_questions_are_unseen_and_answerable(folder: str) -> None:
    train, test = load(f"{folder}train.jsonl"), load(f"{folder}test.jsonl")
    taught = {plain(row["input"]) for row in train}
    taught |= {plain(turn[0]) for row in train for turn in row.get("history", [])}
    asked = [plain(row["input"]) for row in test]
    assert len(set(asked)) == len(asked)
    assert not taught & set(asked)
    answers = {row["item"]: row["output"] for row in train}
    assert {row["item"]: row["output"] for row in test} == answers


@pytest.mark.parametrize("folder", LANGUAGES)
def test_every_row_keeps_the_persona(folder: str) -> None:
    persona = json.loads((DATA / folder / "persona.json").read_text(encoding="utf-8"))
    for row in load(f"{folder}train.jsonl") + load(f"{folder}test.jsonl"):
        assert row["instruction"] == persona["instruction"]
        assert row["output"].startswith(persona["opening"])
        assert row["output"].endswith(persona["closing"])
        assert persona["facts"][row["item"]] in row["output"]
        assert row["must"], "a row says what a right answer contains"
        assert all(fact in row["output"] for fact in row["must"])
        assert not any(strange in row["output"] for strange in row["must_not"])


def test_sizes_and_kinds() -> None:
    train, test = load("train.jsonl"), load("test.jsonl")
    assert len(test) >= 104
    kinds = Counter(row["kind"] for row in train)
    assert set(kinds) == {"fact", "chat", "refusal", "multi_turn"}
    assert kinds["multi_turn"] >= 20
    wordings = Counter(row["item"] for row in train if row["kind"] in {"fact", "chat"})
    assert len(wordings) >= 34
    assert set(wordings.values()) == {4}
    single = Counter(row["item"] for row in test if row["kind"] != "multi_turn")
    assert set(single.values()) <= {2, 3}
    assert len(load("zh/train.jsonl")) >= 60
    assert len(load("zh/test.jsonl")) >= 20


def test_only_multi_turn_rows_have_a_history() -> None:
    for name in FILES:
        if name.endswith(".jsonl"):
            for row in load(name):
                assert ("history" in row) == (row["kind"] == "multi_turn")
                assert all(len(turn) == 2 for turn in row.get("history", []))


def test_answer_bodies_are_short() -> None:
    persona = json.loads((DATA / "persona.json").read_text(encoding="utf-8"))
    lengths = {item: len(body.split()) for item, body in persona["facts"].items()}
    assert all(8 <= length <= 22 for length in lengths.values()), lengths


def test_few_shot_rows_are_training_rows() -> None:
    shots, train = load("fewshot.jsonl"), load("train.jsonl")
    assert all(shot in train for shot in shots)
    assert sorted(shot["kind"] for shot in shots) == ["chat", "fact", "refusal"]
