from __future__ import annotations

import pytest

from ftcore.evaluation.sql_text import normal_form, orders_result


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t order by a limit 3", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("SELECT a FROM t WHERE b = (SELECT b FROM u ORDER BY b LIMIT 1)", False),
        ("WITH x AS (SELECT a FROM t ORDER BY a) SELECT a FROM x", False),
        ("WITH x AS (SELECT a FROM t) SELECT a FROM x ORDER BY 1", True),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1", True),
        ("SELECT row_number() OVER (ORDER BY a) FROM t", False),
        ("SELECT 'ORDER BY a' FROM t -- ORDER BY a", False),
        ("SELEC", None),
        ("", None),
        ("SELECT 1; SELECT 2", None),
    ],
)
def test_orders_result(sql: str, expected: bool | None) -> None:
    assert orders_result(sql) is expected


@pytest.mark.parametrize(
    "same",
    [
        "select Name from Shop where City='Rome'",
        "SELECT  name\nFROM shop\nWHERE city = 'Rome';",
        "SELECT \"name\" FROM `shop` WHERE [city] = 'Rome'",
        "SELECT name /* which */ FROM shop WHERE city = 'Rome' -- end",
    ],
)
def test_one_normal_form(same: str) -> None:
    assert normal_form(same) == "SELECT name FROM shop WHERE city = 'Rome'"


@pytest.mark.parametrize(
    "other",
    [
        "SELECT name FROM shop WHERE city = 'rome'",
        "SELECT name FROM shop WHERE city <> 'Rome'",
        "SELECT DISTINCT name FROM shop WHERE city = 'Rome'",
    ],
)
def test_what_changes_the_meaning_stays(other: str) -> None:
    assert normal_form(other) not in (None, "SELECT name FROM shop WHERE city = 'Rome'")


@pytest.mark.parametrize(
    "text",
    [
        "```sql\nSELECT 1\n```",
        "Here is the query:",
        "(" * 20_000 + "1",
        "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
        "SELECT '",
        "",
    ],
)
def test_unreadable_text_has_none(text: str) -> None:
    assert normal_form(text) is None
