"""Wording of the NL2SQL data: read the templates, and say a query with one of them."""

from __future__ import annotations

import random
import re
from pathlib import Path

from nl2sql_queries import Query, shown
from nl2sql_schema import Column, Database

_SECTION = re.compile(r"^\[(\w+) (seen|unseen)\]$")
_CHOICE = re.compile(r"\[([^\]]*\|[^\]]*)\]")


class Wording:
    """The templates of one language, by query kind and pool (``seen`` or ``unseen``)."""

    def __init__(self, path: Path) -> None:
        self.templates: dict[tuple[str, str], list[str]] = {}
        self._words: dict[tuple[str, str], list[str]] = {}
        self._turn: dict[tuple[str, str], int] = {}
        section = ("", "")
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            match = _SECTION.match(line)
            if match:
                section = (match[1], match[2])
            elif section[0] == "words":
                name, _, words = line.partition(" = ")
                self._words[section[1], name] = [word.strip() for word in words.split(" | ")]
            else:
                self.templates.setdefault(section, []).append(line)

    def next_template(self, kind: str, pool: str) -> str:
        """Return the templates of a kind in turn, so that each is used about equally often."""
        choices = self.templates[kind, pool]
        turn = self._turn.get((kind, pool), 0)
        self._turn[kind, pool] = turn + 1
        return choices[turn % len(choices)]

    def say(
        self, template: str, pool: str, query: Query, database: Database, rng: random.Random
    ) -> str:
        """Return the question that the template makes of the query."""
        if database.chinese:
            slots = self._slots(query, database, pool, rng, raw=False)
            return template.format(**slots)
        # A caller who knows the schema writes hire_date as it stands, others write hire date.
        slots = self._slots(query, database, pool, rng, raw=rng.random() < 0.15)
        template = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), template)
        text = template.format(**slots)
        # A value keeps its case: the query compares it as it stands.
        return text if template.startswith("{val}") else text[0].upper() + text[1:]

    def _slots(
        self, query: Query, database: Database, pool: str, rng: random.Random, *, raw: bool
    ) -> dict[str, str]:
        table = database.table(query.table)
        names = {column.name: column for column in table.columns}
        chosen = [names[name] for name in query.columns]
        joint = "和" if database.chinese else " and "
        slots = {
            "table": table.words,
            "table_c": table.words,
            "one": table.one,
            "cols": joint.join(_words(column, raw) for column in chosen),
            "cols_p": joint.join(_many(column, raw) for column in chosen),
            "n": str(query.limit),
        }
        if query.where:
            slots |= self._condition(query, database, pool, rng, raw=raw)
        if query.order:
            column = names[query.order]
            role = _wording_role(column)
            slots["col"] = _words(column, raw)
            slots["sup"] = rng.choice(self._words[pool, f"{query.direction} {role}"])
        elif query.aggregate and chosen:
            slots["wcol"] = slots.get("col", "")
            slots["col"] = _words(chosen[0], raw)
            role = _wording_role(chosen[0])
            slots["agg"] = rng.choice(self._words[pool, f"{query.aggregate} {role}"])
        elif query.group:
            slots["col"] = slots["cols"]
        return slots

    def _condition(
        self, query: Query, database: Database, pool: str, rng: random.Random, *, raw: bool
    ) -> dict[str, str]:
        table = database.table(query.parent or query.table)
        column = next(c for c in table.columns if c.name == query.where)
        slots = {"col": _words(column, raw), "val": shown(query.values[0])}
        slots["a_col"] = _with_article(slots["col"])
        if query.parent:
            slots |= {"p_one": table.one, "p_table": table.words}
            slots["a_p_one"] = _with_article(table.one)
        if query.comparison == "BETWEEN":
            slots["low"], slots["high"] = map(shown, query.values)
        elif query.comparison != "=":
            phrases = self._words[pool, f"{query.comparison} {_wording_role(column)}"]
            slots["cmp"] = rng.choice(phrases).format(v=slots["val"])
        return slots


def _wording_role(column: Column) -> str:
    return "year" if column.role == "year" else "number"


def _words(column: Column, raw: bool) -> str:
    return column.name if raw else column.words


def _many(column: Column, raw: bool) -> str:
    """Return the plural of the column in words; a raw name stays as it is."""
    word = _words(column, raw)
    if not word.isascii() or (raw and "_" in word):
        return word
    if word.endswith("s"):
        return word + "es" if word.endswith("ss") else word
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("x", "ch", "sh")) else "s")


def _with_article(word: str) -> str:
    return ("an " if word[0] in "aeiou" else "a ") + word
