"""The bundled NL2SQL data: what the generator makes, and what the rows promise."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
DATA = RECIPES / "data" / "nl2sql"
FILES = (
    "train.jsonl",
    "test.jsonl",
    "fewshot.jsonl",
    "zh/train.jsonl",
    "zh/fewshot.jsonl",
    "zh/test.jsonl",
)
STEMS = sorted(path.stem for path in (DATA / "databases").glob("*.sqlite"))

Row = dict[str, Any]


def read(name: str) -> list[Row]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def system(row: Row) -> str:
    return str(row["system"] if "system" in row else row["messages"][0]["content"])


def pairs(row: Row) -> list[tuple[str, str]]:
    if "query" in row:
        return [(q, sql) for q, sql in [*row["history"], [row["query"], row["response"]]]]
    turns = [message["content"] for message in row["messages"][1:]]
    return list(zip(turns[::2], turns[1::2], strict=True))


def connect(stem: str, folder: Path = DATA) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{folder / 'databases' / stem}.sqlite?mode=ro", uri=True)


def dump(stem: str, folder: Path) -> list[str]:
    connection = connect(stem, folder)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()
        return [str(version), *connection.iterdump()]
    finally:
        connection.close()


def tables(stem: str) -> dict[str, list[str]]:
    connection = connect(stem)
    try:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = [name for (name,) in found]
        return {
            name: [column[1] for column in connection.execute(f"PRAGMA table_info({name})")]
            for name in names
        }
    finally:
        connection.close()


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nl2sql")
    script = RECIPES / "make" / "make_nl2sql.py"
    subprocess.run([sys.executable, "-B", str(script), "--out", str(folder)], check=True)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_generator_reproduces_rows(remade: Path, name: str) -> None:
    assert (remade / name).read_bytes() == (DATA / name).read_bytes()


def test_generator_reproduces_databases(remade: Path) -> None:
    assert sorted(path.stem for path in (remade / "databases").iterdir()) == STEMS
    for stem in STEMS:
        assert dump(stem, remade) == dump(stem, DATA)


def test_counts_and_size() -> None:
    counts = {name: len(read(name)) for name in FILES}
    assert 400 <= counts["train.jsonl"] <= 450
    assert counts["test.jsonl"] >= 112
    assert counts["fewshot.jsonl"] == 3
    assert counts["zh/train.jsonl"] + counts["zh/test.jsonl"] >= 60
    size = sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file())
    assert size < 2_000_000


def test_half_of_the_test_rows_use_unseen_wording() -> None:
    for name in ("test.jsonl", "zh/test.jsonl"):
        counts = Counter(row["phrasing"] for row in read(name))
        assert counts["seen"] == counts["unseen"]
    for name in ("train.jsonl", "zh/train.jsonl", "fewshot.jsonl"):
        assert {row["phrasing"] for row in read(name)} == {"seen"}


@pytest.mark.parametrize("folder", ["", "zh/"])
def test_train_and_test_share_no_database_table_or_value(folder: str) -> None:
    stems = [{row["database"] for row in read(f"{folder}{n}.jsonl")} for n in ("train", "test")]
    assert not stems[0] & stems[1]
    names: list[set[str]] = [set(), set()]
    values: list[set[str]] = [set(), set()]
    for side, side_stems in enumerate(stems):
        for stem in side_stems:
            names[side] |= set(tables(stem))
        for row in read(f"{folder}{('train', 'test')[side]}.jsonl"):
            for _, sql in pairs(row):
                values[side] |= set(re.findall(r"'([^']*)'", sql))
    assert not names[0] & names[1]
    assert not values[0] & values[1]
    if not folder:
        assert len(stems[0]) >= 16
        assert len(stems[1]) == 4


def test_test_templates_are_seen_or_unseen_as_they_say() -> None:
    for folder in ("", "zh/"):
        known = {row["template"] for row in read(f"{folder}train.jsonl")}
        for row in read(f"{folder}test.jsonl"):
            assert (row["template"] in known) == (row["phrasing"] == "seen")


def test_most_test_columns_are_unseen() -> None:
    def columns(name: str) -> set[str]:
        stems = {row["database"] for row in read(name)}
        found = {c for stem in stems for columns in tables(stem).values() for c in columns}
        return {column for column in found if column != "id" and not column.endswith("_id")}

    train, test = columns("train.jsonl"), columns("test.jsonl")
    assert len(test - train) >= 0.8 * len(test)


@pytest.mark.parametrize("name", FILES)
def test_every_reference_runs_and_is_bare(name: str) -> None:
    for row in read(name):
        connection = connect(row["database"])
        for _, sql in pairs(row):
            assert re.match(r"SELECT \S", sql)
            assert not re.search(r"[;`\n\"]|  ", sql)
            cells = [cell for found in connection.execute(sql).fetchall() for cell in found]
            assert cells
            assert None not in cells
            assert cells != [0]
        connection.close()


@pytest.mark.parametrize("name", FILES)
def test_no_question_twice_in_a_database(name: str) -> None:
    asked = Counter((row["database"], pairs(row)[-1][0]) for row in read(name))
    # A follow-up ("and how many?") asks by what came before it.
    whole = Counter((row["database"], *pairs(row)) for row in read(name))
    assert max((asked if not name.startswith("zh") else whole).values()) == 1


@pytest.mark.parametrize("name", FILES)
def test_system_prompt_shows_the_whole_schema(name: str) -> None:
    for row in read(name):
        prompt = re.sub(r" /\*[^*]*\*/", "", system(row))
        assert "SQLite" in prompt
        lines = prompt.splitlines()[1:]
        for line, (table, columns) in zip(lines, tables(row["database"]).items(), strict=True):
            shown = [part.split()[0] for part in line[len(table) + 1 : -1].split(", ")]
            assert line.startswith(f"{table}(id integer primary key")
            assert shown == columns


def test_databases_are_sound() -> None:
    for stem in STEMS:
        connection = connect(stem)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        links = 0
        for table in tables(stem):
            links += len(connection.execute(f"PRAGMA foreign_key_list({table})").fetchall())
            assert 8 <= connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] <= 40
        assert links >= 1
        connection.close()


def test_fewshot_rows_are_training_rows_of_different_databases() -> None:
    train, rows = read("train.jsonl"), read("fewshot.jsonl")
    assert all(row in train for row in rows)
    assert len({row["database"] for row in rows}) == 3


def test_chinese_rows_have_chinese_text_and_history() -> None:
    test = read("zh/test.jsonl")
    assert all(set(row) >= {"system", "query", "response", "history"} for row in test)
    assert sum(bool(row["history"]) for row in test) >= 8
    assert max(len(row["history"]) for row in test) == 2
    assert all(re.search(r"[一-鿿]", row["query"]) for row in test)
    assert any(len(row["messages"]) > 3 for row in read("zh/train.jsonl"))


def test_join_share_is_modest() -> None:
    train = read("train.jsonl")
    joins = sum(" JOIN " in pairs(row)[-1][1] for row in train)
    assert 0.1 <= joins / len(train) <= 0.2


@pytest.mark.parametrize("name", FILES)
def test_literals_of_the_query_stand_in_the_question(name: str) -> None:
    for row in read(name):
        said = " ".join(question for question, _ in pairs(row))
        sql = pairs(row)[-1][1].removesuffix(" LIMIT 1")
        for text, number in re.findall(r"'([^']*)'|\b(\d+(?:\.\d+)?)\b", sql):
            assert (text or number) in said
