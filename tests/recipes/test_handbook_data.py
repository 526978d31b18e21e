from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SCRIPT = RECIPES / "make" / "make_handbook_qa.py"
DATA = RECIPES / "data" / "handbook_qa"
FOLDERS = {"en": DATA, "zh": DATA / "zh"}
NOT_SAID = "not-in-handbook"

Rows = list[dict[str, Any]]
languages = pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)


def read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def question(row: dict[str, Any]) -> str:
    return str(row["conversations"][0]["content"])


def answer(row: dict[str, Any]) -> str:
    return str(row["conversations"][1]["content"])


def plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def run_script(script: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(script), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


def test_the_script_makes_the_bundled_files_byte_for_byte(tmp_path: Path) -> None:
    done = run_script(SCRIPT, tmp_path)
    assert done.returncode == 0, done.stderr
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")}
    assert len(made) == 8
    assert {path.relative_to(DATA) for path in DATA.rglob("*.jsonl")} <= made
    for path in made:
        assert (DATA / path).read_bytes() == (tmp_path / path).read_bytes(), path


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            '"What is the pass mark?",',
            '"How late may I arrive at an exam?",',
            "question stands twice",
        ),
        ('mild = ["When may I swap rooms?"]', 'mild = ["When can it be done?"]', "nothing tells"),
        ('mild = ["When may I swap rooms?"]', "mild = []", "lacks a mild or strong rewording"),
        ('"What is the mascot called?"', '"Is there a pool?"', "shares ['pool']"),
    ],
)
def test_the_script_refuses_a_broken_source(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    for name in (SCRIPT.name, "handbook_zh.toml", "handbook_en.toml"):
        (tmp_path / name).write_bytes((SCRIPT.parent / name).read_bytes())
    source = tmp_path / "handbook_en.toml"
    text = source.read_text(encoding="utf-8")
    assert old in text
    # The examples' list may name the question too; the last place is the fact's own.
    source.write_text(new.join(text.rsplit(old, 1)), encoding="utf-8")
    done = run_script(tmp_path / SCRIPT.name, tmp_path / "out")
    assert done.returncode == 1
    assert complaint in done.stderr


def test_the_english_files_have_the_rows_that_the_recipe_promises() -> None:
    train, test = read(DATA / "train.jsonl"), read(DATA / "test.jsonl")
    wordings = Counter(row["fact"] for row in train)
    assert wordings.pop(NOT_SAID) == 24
    assert len(wordings) == 48
    assert set(wordings.values()) == {5}
    assert Counter(row["slice"] for row in test) == {"paraphrase": 119, "untaught": 28}


def test_the_chinese_files_have_the_rows_that_the_recipe_promises() -> None:
    train, test = read(DATA / "zh" / "train.jsonl"), read(DATA / "zh" / "test.jsonl")
    assert len(train) == 68
    assert Counter(row["slice"] for row in test) == {"paraphrase": 24, "untaught": 6}


@languages
def test_rows_are_one_question_and_one_answer(folder: Path) -> None:
    for name in ("train", "test", "fewshot"):
        for row in read(folder / f"{name}.jsonl"):
            assert [turn["role"] for turn in row["conversations"]] == ["user", "assistant"]
            assert all(turn["content"].strip() == turn["content"] for turn in row["conversations"])
            assert question(row)
            assert answer(row)


@languages
def test_no_test_question_occurs_in_training(folder: Path) -> None:
    train = [plain(question(row)) for row in read(folder / "train.jsonl")]
    test = [plain(question(row)) for row in read(folder / "test.jsonl")]
    assert len({*train, *test}) == len(train) + len(test)


@languages
def test_paraphrases_ask_for_every_taught_fact_and_want_the_taught_answer(folder: Path) -> None:
    taught = {row["fact"]: answer(row) for row in read(folder / "train.jsonl")}
    test = read(folder / "test.jsonl")
    asked = {row["fact"] for row in test if row["slice"] == "paraphrase"}
    assert asked == set(taught) - {NOT_SAID}
    assert all(answer(row) == taught[row["fact"]] for row in test)
    assert len(set(taught.values())) == len(taught)


@languages
def test_the_handbook_says_every_answer_once_and_the_untaught_one_never(folder: Path) -> None:
    text = (folder / "handbook.md").read_text(encoding="utf-8")
    for row in read(folder / "train.jsonl"):
        assert text.count(answer(row)) == (row["fact"] != NOT_SAID)


@languages
def test_fewshot_rows_are_training_rows_with_one_that_is_not_in_the_handbook(folder: Path) -> None:
    train, examples = read(folder / "train.jsonl"), read(folder / "fewshot.jsonl")
    assert len(examples) == 3
    assert all(row in train for row in examples)
    assert sum(row["fact"] == NOT_SAID for row in examples) == 1


def test_both_languages_give_a_fact_the_same_figures() -> None:
    english = {row["fact"]: figures(answer(row)) for row in read(DATA / "train.jsonl")}
    # "9月" is "September" in English.
    english["tuition-date"].add("9")
    for row in read(DATA / "zh" / "train.jsonl"):
        assert figures(answer(row)) <= english[row["fact"]]


def figures(text: str) -> set[str]:
    return set(re.findall(r"[0-9]+", text))
