from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ftcore.errors import DataError
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.sql import (
    SqlExactMatch,
    SqlExecutionAccuracy,
    SqlParseRate,
    database_path,
)
from ftcore.evaluation.score import problems, score
from ftcore.evaluation.sql_runner import SqlLimits


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricContext]:
    folder = tmp_path_factory.mktemp("databases")
    with closing(sqlite3.connect(folder / "shop.sqlite")) as connection:
        connection.execute("CREATE TABLE item (name TEXT, price REAL, stock INTEGER)")
        rows = [("tea", 2.5, 3), ("milk", 1.0, 0), ("cup", 7.25, 3)]
        connection.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
        connection.commit()
    limits = SqlLimits(seconds=0.5, grace=0.5)
    with MetricContext(databases=folder, sql=limits) as made:
        yield made


def row(prediction: str, reference: str, database: Any = "shop") -> Example:
    return Example("r1", (), reference, prediction, {"database": database})


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("SELECT name FROM item", "SELECT name AS n FROM item ORDER BY name", 0),
        ("SELECT name FROM item ORDER BY name DESC", "SELECT name AS n FROM item", 1),
        ("SELECT name FROM item ORDER BY price", "SELECT name FROM item ORDER BY price", 1),
        ("SELECT stock FROM item", "SELECT DISTINCT stock FROM item", 0),
        ("SELECT price, name FROM item", "SELECT name, price FROM item", 0),
        ("SELECT sum(price) FROM item", "SELECT 10.75000001", 1),
        ("SELECT count(*) FROM item", "SELECT 3.0", 1),
        ("SELECT name FROM item WHERE 0", "SELECT name FROM item WHERE price < 0", 1),
        ("SELECT nme FROM item", "SELECT name FROM item", 0),
        ("```sql\nSELECT name FROM item\n```", "SELECT name FROM item", 0),
        ("SELECT name FROM item;", "SELECT name FROM item", 1),
        ("", "SELECT name FROM item WHERE 0", 0),
        ("DROP TABLE item", "SELECT name FROM item", 0),
        (
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT max(n) FROM r",
            "SELECT 1",
            0,
        ),
        ("SELECT a.price FROM " + ", ".join(f"item {x}" for x in "abcdefghij"), "SELECT 1", 0),
    ],
)
def test_execution(
    context: MetricContext, prediction: str, reference: str, expected: float
) -> None:
    example = row(prediction, reference)
    assert SqlExecutionAccuracy().score_row(example, context) == (expected, 1)


def test_a_reference_that_fails_is_an_error_with_its_row(context: MetricContext) -> None:
    with pytest.raises(DataError, match=r"row r1.*no such column: nope") as caught:
        SqlExecutionAccuracy().score_row(row("SELECT 1", "SELECT nope FROM item"), context)
    assert caught.value.code == "data.sql-reference"


@pytest.mark.parametrize(
    ("database", "code"),
    [
        ("shop", None),
        ("shop.sqlite", None),
        ("none", "data.missing-database"),
        ("../shop", "data.missing-database"),
        (None, "data.no-database"),
        (3, "data.no-database"),
    ],
)
def test_problems_before_any_compute(
    context: MetricContext, database: Any, code: str | None
) -> None:
    example = row("", "SELECT 1", database)
    found = problems([example], ["sql_execution_accuracy"], context)
    assert [problem.code for problem in found] == ([code] if code else [])


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.sqlite").write_bytes(b"")
    (tmp_path / "in" / "x.sqlite").symlink_to(tmp_path / "out.sqlite")
    with pytest.raises(DataError, match="no database 'x'"):
        database_path(row("", "", "x"), MetricContext(databases=tmp_path / "in"))


def test_no_folder_is_an_error() -> None:
    with pytest.raises(DataError, match="needs the folder"):
        database_path(row("", ""), MetricContext())


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("select NAME from item", 'SELECT "name" FROM item;', 1),
        ("SELECT name, price FROM item", "SELECT price, name FROM item", 0),
        ("not sql at all (", "SELECT 1", 0),
        ("what (", "what (", 1),
        ("", "SELECT 1", 0),
    ],
)
def test_exact_match(prediction: str, reference: str, expected: float) -> None:
    example = Example("r", (), reference, prediction)
    assert SqlExactMatch().score_row(example, MetricContext()) == (expected, 1)


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ("SELECT nope FROM nowhere;", 1),
        ("SELECT 1; SELECT 2", 0),
        ("DROP TABLE item", 0),
        ("```sql\nSELECT 1\n```", 0),
        ("", 0),
    ],
)
def test_parse_rate(prediction: str, expected: float) -> None:
    example = Example("r", (), "SELECT 1", prediction)
    assert SqlParseRate().score_row(example, MetricContext()) == (expected, 1)


def test_score_ends_the_process(context: MetricContext) -> None:
    examples = [row("SELECT 1", "SELECT 1")]
    assert score(examples, ["sql_execution_accuracy"], context)["sql_execution_accuracy"].value == 1
    assert context._runner is None
