"""Takes a query apart: its tables, the columns that it returns, its conditions; finds it in prose.

Trees are sqlglot's, typed as Any so that importing this module imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ftcore.evaluation.sql_text import parse_query

_FENCE = re.compile(r"```[a-z]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_BEGIN = re.compile(r"\b(?:select|with)\b", re.IGNORECASE)
_ENDS = (";", "\n\n", "\n")
_TRIED = 20  # beginnings of a query that are tried in one text


@dataclass(frozen=True, slots=True)
class QueryParts:
    """The names and conditions of a query, in lower case and without quotes.

    ``columns`` are (table, name) outside of conditions; the table is empty where the query leaves
    it open. ``conditions`` are those of WHERE, HAVING and ON, split at AND, each in normal form
    without table names. ``rest`` maps the other clauses to their text.
    """

    tables: frozenset[str]
    columns: frozenset[tuple[str, str]]
    conditions: frozenset[str]
    rest: dict[str, str]

    def column_names(self) -> frozenset[str]:
        """Return the columns without their tables."""
        return frozenset(name for _, name in self.columns)


def find_query(text: str) -> str | None:
    """Return the first query that stands in a text, in a fence or in prose; None without one.

    In prose a query must name a table, or "select" would be one in many a sentence.
    """
    for fenced in _FENCE.findall(text):
        if parse_query(fenced) is not None:
            return str(fenced).strip()
    for begin in list(_BEGIN.finditer(text))[:_TRIED]:
        for part in _endings(text[begin.start() :]):
            tree = parse_query(part)
            if tree is not None and _reads_table(tree):
                return part.strip()
    return None


def take_apart(tree: Any) -> QueryParts:
    """Return the parts of a query's tree; the tree is left as it is."""
    from sqlglot import expressions as exp

    tree = tree.copy()
    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    tables = {table.name.lower() for table in tree.find_all(exp.Table)} - own
    places = {table.alias_or_name.lower(): table.name.lower() for table in tree.find_all(exp.Table)}
    only = next(iter(tables)) if len(tables) == 1 else ""
    aliases = {alias.alias.lower() for alias in tree.find_all(exp.Alias)}
    columns = set()
    for column in tree.find_all(exp.Column):
        if column.find_ancestor(exp.Where, exp.Having, exp.Join) is None:
            name, place = column.name.lower(), column.table.lower()
            if isinstance(column.this, exp.Star):
                columns.add(("", "*"))
            elif place or name not in aliases:
                columns.add((places.get(place, place) if place else only, name))
    for star in tree.find_all(exp.Star):
        if isinstance(star.parent, exp.Select):
            columns.add(("", "*"))
    rest = {name: _normal(tree.args.get(name)) for name in ("distinct", "group", "order", "limit")}
    rest["select"] = ", ".join(_normal(item) for item in tree.expressions)
    conditions = frozenset(_conditions(tree))
    return QueryParts(frozenset(tables), frozenset(columns), conditions, rest)


def _endings(text: str) -> Iterator[str]:
    """Yield the beginnings of a text that may be a query: to a semicolon, a blank line, a line."""
    for end in _ENDS:
        yield text.partition(end)[0]
    yield text


def _reads_table(tree: Any) -> bool:
    from sqlglot import expressions as exp

    return tree.find(exp.Table) is not None


def _conditions(tree: Any) -> Iterator[str]:
    from sqlglot import expressions as exp

    for clause in tree.find_all(exp.Where, exp.Having, exp.Join):
        if isinstance(clause, exp.Join):
            found = clause.args.get("on")
            yield from (f"using {_normal(name)}" for name in clause.args.get("using") or ())
        else:
            found = clause.this
        if found is not None:
            yield from (_condition(part) for part in _split(found, exp.And))


def _condition(tree: Any) -> str:
    """Return one condition in a spelling that the order of its operands does not change."""
    from sqlglot import expressions as exp

    tree = tree.unnest()
    if isinstance(tree, exp.Or):
        return " OR ".join(sorted(_condition(part) for part in _split(tree, exp.Or)))
    turned = _turned()
    if type(tree) not in turned:
        return _normal(tree)
    # The column comes first; of two columns, or none, the first in the alphabet.
    left, right = tree.this, tree.expression
    keys = [(not isinstance(side, exp.Column), _normal(side)) for side in (left, right)]
    kind = type(tree)
    if keys[1] < keys[0]:
        kind, left, right = turned[kind], right, left
    return _normal(kind(this=left.copy(), expression=right.copy()))


def _turned() -> dict[Any, Any]:
    """Return each comparison with the one that says the same with its sides exchanged."""
    from sqlglot import expressions as exp

    pairs = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ}
    return pairs | {second: first for first, second in pairs.items()}


def _split(tree: Any, kind: Any) -> list[Any]:
    return list(tree.unnest().flatten()) if isinstance(tree.unnest(), kind) else [tree]


def _normal(tree: Any) -> str:
    """Return a part's text without table names, quotes and capitals in names."""
    from sqlglot import expressions as exp

    if tree is None:
        return ""
    tree = tree.copy()
    for column in tree.find_all(exp.Column):
        column.set("table", None)
    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
        name.set("quoted", False)
    return str(tree.sql(dialect="sqlite", comments=False))
