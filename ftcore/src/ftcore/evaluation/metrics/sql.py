"""Execution accuracy and exact match of SQL queries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ftcore.errors import DataError, Problem
from ftcore.evaluation.metric import Example, MeanMetric, Metric, MetricContext
from ftcore.evaluation.sql_compare import same_result
from ftcore.evaluation.sql_runner import SqlResult
from ftcore.evaluation.sql_text import normal_form, orders_result, parse_query

_SUFFIXES = ("", ".sqlite", ".sqlite3", ".db")


class SqlExecutionAccuracy(MeanMetric):
    """Share of queries whose result on the row's database equals the reference's.

    Unit: share, 0 to 1. Higher is better. Source: Yu et al. 2018 (Spider), with ft's rules on
    order and on numbers.
    """

    name: ClassVar[str] = "sql_execution_accuracy"
    title: ClassVar[str] = "SQL execution accuracy"
    yes_no: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "Share of rows whose answer, run as it stands, returns the reference's rows: as a "
        "multiset, in order only where the reference has a top-level ORDER BY, column names "
        "ignored, numbers within a tolerance (execution accuracy of Spider, Yu et al. 2018)."
    )

    def problems(self, examples: Sequence[Example], context: MetricContext) -> list[Problem]:
        """Return one problem for each row whose database or reference query does not work."""
        found = []
        for example in examples:
            try:
                _run_reference(example, context)
            except DataError as error:
                found.append(Problem(error.message, fix=error.hint, code=error.code))
        return found

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return 1 where both queries return the same rows."""
        expected, ordered = _run_reference(example, context)
        database = database_path(example, context)
        predicted = context.sql_runner().run(database, example.prediction)
        if not predicted.ok or predicted.truncated:
            return 0.0
        tolerance = context.float_tolerance
        return float(
            same_result(predicted.rows, expected.rows, ordered=ordered, tolerance=tolerance)
        )


class SqlExactMatch(MeanMetric):
    """Share of queries that equal the reference in normal form.

    Unit: share, 0 to 1. Higher is better. Source: ft's, by sqlglot.
    """

    name: ClassVar[str] = "sql_exact_match"
    title: ClassVar[str] = "SQL exact match"
    yes_no: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "Share of rows whose answer equals the reference after both are written by sqlglot with "
        "one spelling of keywords, names, quotes and spacing (ft's own definition)."
    )

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return 1 where both have the same normal form; unreadable text equals itself only."""
        prediction, reference = example.prediction.strip(), example.reference.strip()
        if prediction == reference:
            return 1.0
        expected = normal_form(reference)
        return float(expected is not None and normal_form(prediction) == expected)


class SqlParseRate(MeanMetric):
    """Share of answers that are one SQL query and nothing else.

    Unit: share, 0 to 1. Higher is better. Source: ft's, by sqlglot.
    """

    name: ClassVar[str] = "sql_parse_rate"
    title: ClassVar[str] = "Answers that parse"
    yes_no: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "Share of rows whose answer sqlglot reads as exactly one query in SQLite's dialect; "
        "whether its tables and columns exist does not matter (ft's own definition)."
    )

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return 1 where the answer is one query."""
        return float(parse_query(example.prediction) is not None)


def database_path(example: Example, context: MetricContext) -> Path:
    """Return the SQLite file that the row's field ``database`` names; DataError without one."""
    if context.databases is None:
        raise DataError(
            "SQL execution accuracy needs the folder of the databases",
            hint="name the folder in the recipe's metric options",
            code="data.no-databases",
        )
    name = example.fields.get("database")
    if not isinstance(name, str) or not name:
        raise DataError(
            f"row {example.row_id} names no database",
            hint='give every test row "database": the file name in the databases folder',
            code="data.no-database",
        )
    folder = context.databases.resolve()
    for suffix in _SUFFIXES:
        path = (folder / (name + suffix)).resolve()
        if path.is_file() and path.is_relative_to(folder):
            return path
    raise DataError(
        f"row {example.row_id}: there is no database {name!r} in {folder}",
        hint="expected NAME, NAME.sqlite, NAME.sqlite3 or NAME.db",
        code="data.missing-database",
    )


def _run_reference(example: Example, context: MetricContext) -> tuple[SqlResult, bool]:
    """Return the reference's rows and whether their order matters; DataError where it fails."""
    result = context.sql_runner().run(database_path(example, context), example.reference)
    ordered = orders_result(example.reference)
    if result.ok and not result.truncated and ordered is not None:
        return result, ordered
    why = result.error or ("its result is cut" if result.truncated else "sqlglot cannot read it")
    raise DataError(
        f"row {example.row_id}: the reference query cannot be scored: {why}",
        hint="correct the reference, or raise the limits in the recipe's metric options",
        code="data.sql-reference",
    )


METRICS: tuple[type[Metric], ...] = (
    SqlExecutionAccuracy,
    SqlExactMatch,
    SqlParseRate,
)
