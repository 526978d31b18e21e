"""What sqlglot says about a query: whether it orders its result, and its normal form."""

from __future__ import annotations

import logging
from typing import Any


def orders_result(sql: str) -> bool | None:
    """Return whether the query has a top-level ORDER BY; None where it is unreadable."""
    tree = parse_query(sql)
    return None if tree is None else tree.args.get("order") is not None


def normal_form(sql: str) -> str | None:
    """Return the query with one spelling of keywords, names, quotes, spacing and comments.

    Names lose their quotes and become lower case, as SQLite compares them; comments and a final
    semicolon go. Aliases, the order of conditions and of columns stay: they are the query's
    own. None where sqlglot cannot read it as one query.
    """
    tree = parse_query(sql)
    if tree is None:
        return None
    from sqlglot import expressions as exp

    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
        name.set("quoted", False)
    try:
        return str(tree.sql(dialect="sqlite", comments=False))
    except (ValueError, RecursionError):
        return None


def parse_query(sql: str) -> Any:
    """Return sqlglot's tree of the text, None where it is not exactly one query."""
    import sqlglot
    from sqlglot import expressions as exp
    from sqlglot.errors import SqlglotError

    # It logs about statements that it takes as opaque commands.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="sqlite") if tree is not None]
    except (SqlglotError, RecursionError, ValueError):
        return None
    # It also reads bare expressions and commands; only a query has a result.
    if len(trees) != 1 or not isinstance(trees[0], exp.Query | exp.Values):
        return None
    return trees[0]
