from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ftcore.evaluation.causes_sql import SqlCauses
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.sql_runner import SqlLimits

NAMES = "SELECT name FROM item"
CHEAP = "SELECT name FROM item WHERE price < 5 AND stock > 1"
JOINED = "SELECT shop.town FROM item JOIN shop ON item.shop_id = shop.id WHERE item.name = 'tea'"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricContext]:
    folder = tmp_path_factory.mktemp("databases")
    with closing(sqlite3.connect(folder / "shop.sqlite")) as connection:
        connection.execute("CREATE TABLE item (name, price REAL, stock INTEGER, shop_id)")
        rows = [("tea", 2.5, 3, 1), ("milk", 1.0, 0, 2), ("cup", 7.25, 3, 2), ("pot", 4, 2, 1)]
        connection.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE shop (id INTEGER, name, town)")
        connection.executemany(
            "INSERT INTO shop VALUES (?, ?, ?)", [(1, "A", "Ely"), (2, "B", "X")]
        )
        connection.commit()
    limits = SqlLimits(seconds=0.5, grace=0.5)
    with MetricContext(databases=folder, sql=limits) as made:
        yield made


def causes(prediction: str, reference: str, context: MetricContext) -> list[str]:
    example = Example("r1", (), reference, prediction, {"database": "shop"})
    family = SqlCauses()
    assert family.applies(example, context)
    found = [finding.cause for finding in family.judge(example, context, {})]
    assert len(set(found)) == len(found)
    assert set(found) <= set(family.causes)
    return found


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        (NAMES, NAMES, []),
        ("select NAME from ITEM;", NAMES, []),
        # Another query with the same result is right.
        ("SELECT name FROM item WHERE stock > 1 AND price <= 4", CHEAP, []),
        ("```sql\nSELECT name FROM item\n```", NAMES, ["extra_text"]),
        ("Here you are:\n\nSELECT name FROM item;\n\nHave fun.", NAMES, ["extra_text"]),
        ("SELECT name FROM item\n\nThis lists all names.", NAMES, ["extra_text"]),
        ("SELECT name FROM item; SELECT 1", NAMES, ["extra_text"]),
        ("```\nSELECT name FROM item", NAMES, ["extra_text"]),
        (
            "```sql\nSELECT town FROM shop\n```",
            NAMES,
            ["extra_text", "wrong_table", "wrong_column"],
        ),
        ("", NAMES, ["syntax"]),
        ("I select the names for you.", NAMES, ["syntax"]),
        ("SELECT name FROM item WHERE", NAMES, ["syntax"]),
        ("SELECT name FROM item WHERE price = 1 WHERE stock = 2", NAMES, ["syntax"]),
        ("DELETE FROM item", NAMES, ["syntax"]),
        ("SELECT name FROM shop", NAMES, ["wrong_table"]),
        ("SELECT name FROM items", NAMES, ["wrong_table"]),
        ("SELECT price FROM item", NAMES, ["wrong_column"]),
        ("SELECT * FROM item", NAMES, ["wrong_column"]),
        ("SELECT name, price FROM item", NAMES, ["wrong_column"]),
        ("SELECT nam FROM item", NAMES, ["wrong_column"]),
        ("SELECT name FROM item WHERE price < 5", CHEAP, ["wrong_condition"]),
        ("SELECT name FROM item WHERE price < 2 AND stock > 1", CHEAP, ["wrong_condition"]),
        ("SELECT name FROM item", CHEAP, ["wrong_condition"]),
        ("SELECT price FROM item", CHEAP, ["wrong_column", "wrong_condition"]),
        ("SELECT COUNT(name) FROM item", NAMES, ["wrong_result"]),
        ("SELECT name FROM item LIMIT 1", NAMES, ["wrong_result"]),
        ("SELECT name FROM item ORDER BY name", "SELECT name FROM item ORDER BY name DESC",
         ["wrong_result"]),
        ("SELECT no_such(name) FROM item", NAMES, ["wrong_result"]),
        # The same conditions, turned around and with other names for the tables.
        (
            "SELECT DISTINCT COUNT(s.town) FROM item AS i JOIN shop s ON s.id = i.shop_id "
            "WHERE 'tea' = i.name",
            JOINED,
            ["wrong_result"],
        ),
        (
            "SELECT item.town FROM item JOIN shop ON item.shop_id = shop.id "
            "WHERE item.name = 'tea'",
            JOINED,
            ["wrong_column"],
        ),
    ],
)  # fmt: skip
def test_causes(prediction: str, reference: str, expected: list[str], context: MetricContext):
    assert causes(prediction, reference, context) == expected


def test_a_column_of_another_table(context: MetricContext):
    reference = "SELECT item.name FROM item JOIN shop ON item.shop_id = shop.id"
    answer = reference.replace("item.name", "shop.name")
    example = Example("r1", (), reference, answer, {"database": "shop"})
    (found,) = SqlCauses().judge(example, context, {})
    assert (found.cause, found.detail) == ("wrong_column", "name of shop, not of item")


def test_details_name_what_differs(context: MetricContext):
    answer = "SELECT name FROM item WHERE 5 >= price AND stock > 1"
    (found,) = SqlCauses().judge(Example("r", (), CHEAP, answer), MetricContext(), {})
    assert found.detail == "price <= 5, not price < 5"
    (found,) = SqlCauses().judge(Example("r", (), NAMES, f"{NAMES} LIMIT 1"), MetricContext(), {})
    assert found.detail == "differs in LIMIT"


def test_without_a_database_the_text_decides():
    context = MetricContext()
    assert SqlCauses().judge(Example("r", (), NAMES, "select name from item"), context, {}) == ()
    other = Example("r", (), CHEAP, "SELECT name FROM item WHERE stock > 1 AND price < 5")
    assert [f.cause for f in SqlCauses().judge(other, context, {})] == ["wrong_result"]


def test_what_the_metric_said_is_not_computed_again():
    metric = {"sql_execution_accuracy": 1.0}
    assert SqlCauses().judge(Example("r", (), NAMES, "SELECT 1"), MetricContext(), metric) == ()
    metric = {"sql_execution_accuracy": 0.0}
    assert SqlCauses().judge(Example("r", (), NAMES, NAMES), MetricContext(), metric) != ()


@pytest.mark.parametrize(
    "hostile",
    [
        "ATTACH 'x.db' AS x",
        "PRAGMA writable_schema = 1",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        "SELECT '\ud800' FROM item",
        "SELECT name FROM item\0",
        "with " * 400,
        "select " * 400,
    ],
)
def test_hostile_answers_cost_a_cause_and_nothing_else(hostile: str, context: MetricContext):
    assert causes(hostile, NAMES, context)


def test_rows_whose_reference_is_no_query(context: MetricContext):
    assert not SqlCauses().applies(Example("r", (), "Twelve.", "x"), context)


def test_a_database_that_is_not_there(tmp_path: Path):
    context = MetricContext(databases=tmp_path)
    example = Example("r", (), NAMES, "SELECT price FROM item", {"database": "none"})
    assert [f.cause for f in SqlCauses().judge(example, context, {})] == ["wrong_column"]
