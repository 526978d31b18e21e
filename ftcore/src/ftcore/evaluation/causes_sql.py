"""Causes of wrong SQL: extra text, syntax, wrong table, column, condition, result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ftcore.errors import DataError
from ftcore.evaluation.causes import Family, Finding, listed
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.sql import SqlExactMatch, SqlExecutionAccuracy, database_path
from ftcore.evaluation.sql_parts import QueryParts, find_query, take_apart
from ftcore.evaluation.sql_runner import SqlResult
from ftcore.evaluation.sql_text import parse_query

_SYNTAX = ("syntax error", "incomplete input", "unrecognized token")
_NO_COLUMN = "no such column"


class SqlCauses(Family):
    """A query against its reference, taken apart by sqlglot, and what SQLite said about it.

    Without a database nothing runs: right is then a query that equals the reference in normal
    form. The definitions are ft's.
    """

    name: ClassVar[str] = "sql"
    right: ClassVar[str] = (
        "The answer, run as it stands, returns the reference's result (sql_execution_accuracy); "
        "without a database: it equals the reference in normal form (sql_exact_match)."
    )
    causes: ClassVar[Mapping[str, str]] = {
        "extra_text": "The answer is not one query, but holds one: in a fence, in prose, or with "
        "others behind it. The causes after this one are those of the query in it.",
        "syntax": "No query can be read in the answer, or SQLite refuses its syntax.",
        "wrong_table": "The query reads other tables than the reference.",
        "wrong_column": "It returns, groups or orders by other columns, or names one that there "
        "is not.",
        "wrong_condition": "Its WHERE, HAVING or ON says something else, order of conditions "
        "aside.",
        "wrong_result": "Tables, columns and conditions are the reference's; the result is not: "
        "another function, order or limit, or the query fails or takes too long.",
    }

    def applies(self, example: Example, context: MetricContext) -> bool:
        """Return whether the reference is a query."""
        return parse_query(example.reference) is not None

    def judge(
        self, example: Example, context: MetricContext, values: Mapping[str, float]
    ) -> tuple[Finding, ...]:
        """Return the causes in the order of ``causes``; extra text alone where the query is right.

        Model-written SQL runs only in the safe runner of ``context``.
        """
        known = values.get(SqlExecutionAccuracy.name)
        if known == 1.0 or (known is None and _right(example, context)):
            return ()
        if parse_query(example.prediction) is not None:
            return _unlike(example, context)
        query = find_query(example.prediction)
        if query is None:
            return _unreadable(example, context)
        inner = replace(example, prediction=query)
        extra = Finding("extra_text", f"holds {' '.join(query.split())[:80]}")
        return (extra,) if _right(inner, context) else (extra, *_unlike(inner, context))


def _right(example: Example, context: MetricContext) -> bool:
    """Return whether the answer is right: by its result where it can run, else by its text."""
    if context.databases is not None:
        try:
            return SqlExecutionAccuracy().row_score(example, context) == 1.0
        except DataError:  # no database for this row, or a reference that does not run on it
            pass
    return SqlExactMatch().row_score(example, context) == 1.0


def _run(example: Example, context: MetricContext) -> SqlResult | None:
    try:
        database = database_path(example, context)
    except DataError:
        return None
    return context.sql_runner().run(database, example.prediction)


def _unreadable(example: Example, context: MetricContext) -> tuple[Finding, ...]:
    """Return the cause of an answer in which sqlglot finds no query; SQLite may still read it."""
    result = _run(example, context)
    if result is not None and result.ok:
        return (Finding("wrong_result"),)
    return (Finding("syntax", "no query" if example.prediction.strip() else "no answer"),)


def _unlike(example: Example, context: MetricContext) -> tuple[Finding, ...]:
    """Return in what a wrong query is unlike the reference, at least one cause."""
    result = _run(example, context)
    error = (result.error or "") if result is not None else ""
    try:
        predicted = take_apart(parse_query(example.prediction))
        expected = take_apart(parse_query(example.reference))
    except (RecursionError, ValueError):  # nested deeper than sqlglot can follow
        return (Finding("wrong_result", error or "nested too deep to be taken apart"),)
    found = [Finding("syntax", error)] if any(words in error for words in _SYNTAX) else []
    found += _names(predicted, expected, error)
    found += _conditions(predicted, expected)
    return tuple(found) or (Finding("wrong_result", error or _clauses(predicted, expected)),)


def _names(predicted: QueryParts, expected: QueryParts, error: str) -> Iterator[Finding]:
    if predicted.tables != expected.tables:
        words = f"{_set(predicted.tables)}, not {_set(expected.tables)}"
        yield Finding("wrong_table", words)
    first, second = predicted.column_names(), expected.column_names()
    if first != second:
        yield Finding("wrong_column", f"{_set(first)}, not {_set(second)}")
    elif _NO_COLUMN in error:
        yield Finding("wrong_column", error)
    elif other := _other_tables(predicted, expected):
        yield Finding("wrong_column", listed(other))


def _other_tables(predicted: QueryParts, expected: QueryParts) -> list[str]:
    """Return the columns that both take, each from another table, where both say from which."""
    if predicted.tables != expected.tables:
        return []
    found = []
    for name in sorted(expected.column_names()):
        first, second = (
            {table for table, column in parts.columns if column == name}
            for parts in (predicted, expected)
        )
        if "" not in first | second and first != second:
            found.append(f"{name} of {_set(first)}, not of {_set(second)}")
    return found


def _conditions(predicted: QueryParts, expected: QueryParts) -> Iterator[Finding]:
    if predicted.conditions != expected.conditions:
        added = _set(predicted.conditions - expected.conditions)
        lacking = _set(expected.conditions - predicted.conditions)
        yield Finding("wrong_condition", f"{added}, not {lacking}")


def _clauses(predicted: QueryParts, expected: QueryParts) -> str:
    """Return which of the other clauses differ."""
    unlike = [name for name in expected.rest if predicted.rest[name] != expected.rest[name]]
    return f"differs in {listed([name.upper() for name in unlike])}" if unlike else ""


def _set(names: Any) -> str:
    return listed(sorted(names)) or "nothing"
