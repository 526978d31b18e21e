"""Checks of the NL2SQL data as written: they read the files, not what the generator meant."""

from __future__ import annotations

import difflib
import json
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nl2sql_wording import Wording

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pairs_of(row: Row) -> list[tuple[str, str]]:
    """Return the (question, SQL) pairs of a row of either shape, oldest first."""
    if "query" in row:
        return [*map(tuple, row["history"]), (row["query"], row["response"])]
    turns = [message["content"] for message in row["messages"][1:]]
    return list(zip(turns[::2], turns[1::2], strict=True))


def open_read_only(folder: Path, database: str) -> sqlite3.Connection:
    """Return a read-only connection to a database of the folder."""
    path = folder / "databases" / f"{database}.sqlite"
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def text_values(folder: Path, databases: set[str]) -> set[str]:
    """Return every text value that the databases hold, dates left out."""
    values: set[str] = set()
    for database in databases:
        connection = open_read_only(folder, database)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                values.update(cell for cell in row if isinstance(cell, str))
        connection.close()
    return {value for value in values if not re.fullmatch(r"\d{4}-\d\d-\d\d", value)}


def table_names(folder: Path, databases: set[str]) -> set[str]:
    """Return the names of the tables of the databases."""
    names: set[str] = set()
    for database in databases:
        connection = open_read_only(folder, database)
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names.update(name for (name,) in found.fetchall())
        connection.close()
    return names


def check_folder(folder: Path, wordings: Sequence[Wording]) -> None:
    """Raise ValueError at the first thing that the data must hold and does not."""
    for part in (folder, folder / "zh"):
        train, test = read_rows(part / "train.jsonl"), read_rows(part / "test.jsonl")
        check_references(folder, [*train, *test])
        check_apart(folder, train, test)
        for rows in (train, test):
            asked = [(row["database"], *pairs_of(row)) for row in rows]
            _need(len(set(asked)) == len(asked), "a question twice")
        _need({row["phrasing"] for row in train} == {"seen"}, "unseen wording in training")
        known = {row["template"] for row in train}
        for row in test:
            _need((row["template"] in known) == (row["phrasing"] == "seen"), row["template"])
    for wording in wordings:
        check_templates(wording)


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def check_references(folder: Path, rows: Sequence[Row]) -> None:
    """Every SQL is one bare line that runs read-only and returns something."""
    for row in rows:
        connection = open_read_only(folder, row["database"])
        for question, sql in pairs_of(row):
            where = f"{row['database']}: {sql}"
            _need(bool(question) and question.strip() == question, f"question not bare: {where}")
            _need(re.fullmatch(r"SELECT [^`;\"\n]*\S", sql) is not None, f"not bare: {where}")
            _need("  " not in sql, f"two spaces: {where}")
            cells = [cell for found in connection.execute(sql).fetchall() for cell in found]
            _need(bool(cells), f"no rows: {where}")
            _need(None not in cells and cells != [0], f"trivial: {where}")
        connection.close()


def check_apart(folder: Path, train: Sequence[Row], test: Sequence[Row]) -> None:
    """Training and test share no database, no table name and no text value."""
    left = {row["database"] for row in train}
    right = {row["database"] for row in test}
    _need(not left & right, f"databases in training and test: {sorted(left & right)}")
    shared = text_values(folder, left) & text_values(folder, right)
    _need(not shared, f"values in training and test: {sorted(shared)}")
    shared = table_names(folder, left) & table_names(folder, right)
    _need(not shared, f"tables in training and test: {sorted(shared)}")


def check_templates(wording: Wording) -> None:
    """No unseen template equals, or all but equals, a seen one of its kind."""
    for (kind, pool), unseen in wording.templates.items():
        if pool == "seen":
            continue
        for template in unseen:
            for other in wording.templates[kind, "seen"]:
                left, right = (re.sub(r"[\W_]+", " ", t).lower() for t in (template, other))
                ratio = difflib.SequenceMatcher(None, left, right, autojunk=False).ratio()
                _need(ratio < 0.9, f"too alike: {template!r} and {other!r}")
