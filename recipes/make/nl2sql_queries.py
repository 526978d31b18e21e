"""Queries of the NL2SQL data: draw one, write it as SQL, and reject it where it proves little.

A query proves little when a wrong query of the same form gives the same result; those wrong
forms (`Query.variants`) are what a drawn query must differ from.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace

from nl2sql_schema import Column, Database, Table, Value

AGGREGATES = ("MAX", "MIN", "AVG", "SUM")
COMPARISONS = (">", "<", ">=", "<=")
# Column roles that a kind needs in its table; the other kinds need a number.
NEEDED_ROLES = {
    "select_text": ("category",),
    "lookup": ("label",),
    "count_text": ("category",),
    "count_all": ("label",),
    "agg_where": ("category", "number"),
    "group": ("category",),
    "distinct": ("category",),
}


@dataclass(frozen=True)
class Query:
    """One query in the canonical style: upper-case keywords, lower-case names, single spaces."""

    table: str
    columns: tuple[str, ...] = ()
    aggregate: str = ""
    where: str = ""
    comparison: str = "="
    values: tuple[Value, ...] = ()
    group: bool = False
    distinct: bool = False
    order: str = ""
    direction: str = ""
    limit: int = 0
    parent: str = ""
    key: str = ""

    def sql(self) -> str:
        """Return the SQL text, with no semicolon."""
        prefix = f"{self.table}." if self.parent else ""
        names = ", ".join(prefix + column for column in self.columns)
        if self.group:
            chosen = f"{names}, COUNT(*)"
        elif self.aggregate:
            chosen = f"{self.aggregate}({names or '*'})"
        else:
            chosen = f"DISTINCT {names}" if self.distinct else names
        text = f"SELECT {chosen} FROM {self.table}"
        if self.parent:
            text += f" JOIN {self.parent} ON {self.table}.{self.key} = {self.parent}.id"
        if self.where:
            text += f" WHERE {self.parent + '.' if self.parent else ''}{self.where} "
            text += self.comparison + " " + " AND ".join(map(literal, self.values))
        if self.group:
            text += f" GROUP BY {names}"
        if self.order:
            text += f" ORDER BY {self.order}" + (" DESC" if self.direction == "DESC" else "")
        return text + (f" LIMIT {self.limit}" if self.limit else "")

    def variants(self, table: Table) -> Iterator[Query]:
        """Yield wrong queries of the same form; ``table`` is the one selected from."""
        if self.where:
            yield replace(self, where="")
        if self.comparison in COMPARISONS:
            yield from (replace(self, comparison=c) for c in COMPARISONS if c != self.comparison)
        if self.comparison == "BETWEEN":
            low, high = self.values
            yield replace(self, comparison=">=", values=(low,))
            yield replace(self, comparison="<=", values=(high,))
        if self.aggregate in AGGREGATES:
            yield from (replace(self, aggregate=a) for a in AGGREGATES if a != self.aggregate)
        if self.distinct:
            yield replace(self, distinct=False)
        if self.order:
            yield replace(self, direction="ASC" if self.direction == "DESC" else "DESC")
            yield replace(self, limit=self.limit + 1)
            for column in table.by_role("number", "year"):
                if column.name != self.order:
                    yield replace(self, order=column.name)
        if self.where and not self.parent and self.comparison in COMPARISONS:
            for column in table.by_role("number", "year"):
                if column.name != self.where:
                    yield replace(self, where=column.name)
        for index, chosen in enumerate(self.columns):
            for column in table.columns:
                if column.role != "key" and column.name != chosen:
                    columns = (*self.columns[:index], column.name, *self.columns[index + 1 :])
                    yield replace(self, columns=columns)


def literal(value: Value) -> str:
    """Return a value as SQL: text in single quotes, a number in its shortest form."""
    return f"'{value}'" if isinstance(value, str) else shown(value)


def shown(value: Value) -> str:
    """Return a value as a question writes it: 7.0 is ``7``, 7.5 is ``7.5``."""
    return value if isinstance(value, str) else f"{value:.12g}"


def run(connection: sqlite3.Connection, query: Query) -> list[tuple[Value, ...]]:
    """Return the rows of the query, sorted where the query gives them no order."""
    rows = connection.execute(query.sql()).fetchall()
    return rows if query.order else sorted(rows, key=repr)


def proves(connection: sqlite3.Connection, query: Query, table: Table) -> bool:
    """Tell whether the result is neither trivial nor the result of a wrong variant."""
    rows = run(connection, query)
    if not rows or any(cell is None for row in rows for cell in row):
        return False
    counts = query.aggregate == "COUNT" and not query.group
    if counts and query.where and float(rows[0][0]) < 2:
        return False
    if query.aggregate and rows[0][-1] == 0:
        return False
    if query.comparison == "BETWEEN" and query.values[0] == query.values[1]:
        return False
    if query.where and not query.aggregate:
        least = 1 if query.where == table.label.name and not query.parent else 2
        if not least <= len(rows) <= max(least, table.size * 0.6):
            return False
    if query.order and not _no_tie(connection, query):
        return False
    return all(run(connection, variant) != rows for variant in query.variants(table))


def _no_tie(connection: sqlite3.Connection, query: Query) -> bool:
    """Tell whether the first rows and the one after them differ in the ordering column."""
    probe = replace(query, columns=(query.order,), limit=query.limit + 1)
    keys = [row[0] for row in run(connection, probe)]
    return len(set(keys)) == query.limit + 1


def draw(kind: str, database: Database, rng: random.Random) -> Query:
    """Return a random query of the kind; `proves` says whether to keep it."""
    if kind.startswith("join"):
        return _draw_join(kind, database, rng)
    needed = NEEDED_ROLES.get(kind, ("number",))
    tables = [table for table in database.tables if all(map(table.by_role, needed))]
    # Children are asked about more than parents: they hold more rows and columns.
    table = rng.choice(tables + [table for table in tables if table.by_role("key")] * 2)
    numbers = table.by_role("number", "year")
    base = Query(table.name)
    if kind == "select_text":
        where = rng.choice(table.by_role("category"))
        return _filter(replace(base, columns=_choose(table, where, rng)), where, rng)
    if kind in ("select_num", "between"):
        where = rng.choice(numbers)
        base = replace(base, columns=_choose(table, where, rng))
        return _between(base, where, rng) if kind == "between" else _compare(base, where, rng)
    if kind == "lookup":
        columns = _choose(table, table.label, rng, several=False)
        return _filter(replace(base, columns=columns), table.label, rng)
    if kind.startswith("count"):
        base = replace(base, aggregate="COUNT")
        if kind == "count_text":
            return _filter(base, rng.choice(table.by_role("category")), rng)
        return base if kind == "count_all" else _compare(base, rng.choice(numbers), rng)
    if kind in ("agg", "agg_where"):
        column = rng.choice(numbers)
        allowed = AGGREGATES[: 2 if column.role == "year" else 4 if column.additive else 3]
        base = replace(base, columns=(column.name,), aggregate=rng.choice(allowed))
        if kind == "agg":
            return base
        return _filter(base, rng.choice(table.by_role("category")), rng)
    if kind in ("group", "distinct"):
        base = replace(base, columns=(rng.choice(table.by_role("category")).name,))
        return replace(base, group=kind == "group", distinct=kind == "distinct")
    order = rng.choice(numbers)
    columns = _choose(table, order, rng, several=kind == "order_top")
    limit = rng.choice((2, 3, 3, 4, 5)) if kind == "order_top" else 1
    direction = rng.choice(("DESC", "DESC", "ASC"))
    return replace(base, columns=columns, order=order.name, direction=direction, limit=limit)


def _draw_join(kind: str, database: Database, rng: random.Random) -> Query:
    child, key, parent = rng.choice(database.links())
    query = Query(child.name, parent=parent.name, key=key.name)
    if kind == "join_count":
        query = replace(query, aggregate="COUNT")
    else:
        columns = _choose(child, None, rng, several=False)
        query = replace(query, columns=columns)
    return _filter(query, rng.choice(parent.by_role("category", "label")), rng)


def _choose(
    table: Table, avoid: Column | None, rng: random.Random, *, several: bool = True
) -> tuple[str, ...]:
    """Return one column to show, or now and then two; half the time it is the label."""
    others = [column for column in table.columns if column.role != "key" and column is not avoid]
    if table.label in others and rng.random() < 0.35:
        others.remove(table.label)
        first = table.label
    else:
        first = others.pop(rng.randrange(len(others)))
    if several and others and rng.random() < 0.3:
        return first.name, rng.choice(others).name
    return (first.name,)


def _filter(query: Query, column: Column, rng: random.Random) -> Query:
    return replace(query, where=column.name, values=(rng.choice(column.values),))


def _compare(query: Query, column: Column, rng: random.Random) -> Query:
    comparison = rng.choice((">", ">", "<", "<", ">=", "<="))
    return replace(_filter(query, column, rng), comparison=comparison)


def _between(query: Query, column: Column, rng: random.Random) -> Query:
    low, high = sorted(rng.sample(column.values, 2), key=float)
    return replace(query, where=column.name, comparison="BETWEEN", values=(low, high))
