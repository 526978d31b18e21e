"""Databases of the NL2SQL data: read their description, fill them, write SQLite, show a schema."""

from __future__ import annotations

import itertools
import random
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Value = str | int | float

_COLUMN = re.compile(r"^(\S+)\s+(=|:|#\+|#|\^|@|->)\s+(.+)$")
_TYPES = {"=": "text", ":": "text", "#": "", "#+": "", "^": "integer", "@": "text", "->": "integer"}


@dataclass
class Column:
    """A column: ``role`` is label, category, number, year, date or key."""

    name: str
    words: str
    role: str
    sql_type: str
    definition: str
    additive: bool = False
    values: list[Value] = field(default_factory=list)


@dataclass
class Table:
    """A table with its rows in words: ``words`` for many, ``one`` for one (zh: measure word)."""

    name: str
    words: str
    one: str
    size: int
    columns: list[Column] = field(default_factory=list)

    def by_role(self, *roles: str) -> list[Column]:
        """Return the columns that have one of the roles, in order."""
        return [column for column in self.columns if column.role in roles]

    @property
    def label(self) -> Column:
        """The column that names a row."""
        return self.by_role("label")[0]


@dataclass
class Database:
    """A database: its file stem and its tables, parents before children."""

    name: str
    chinese: bool
    tables: list[Table] = field(default_factory=list)

    def table(self, name: str) -> Table:
        """Return the table of that name."""
        return next(table for table in self.tables if table.name == name)

    def links(self) -> list[tuple[Table, Column, Table]]:
        """Return (child, foreign key column, parent) for every foreign key."""
        return [
            (child, column, self.table(column.definition))
            for child in self.tables
            for column in child.by_role("key")
        ]


def read_databases(path: Path) -> list[Database]:
    """Return the databases that a description file holds; they have no rows yet."""
    databases: list[Database] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@"):
            databases.append(Database(line[1:].strip(), chinese=line.startswith("@zh_")))
        elif line.startswith("  "):
            databases[-1].tables[-1].columns.append(_read_column(line.strip()))
        else:
            names, size = line.split()
            name, *words = names.split("/")
            words = words if databases[-1].chinese else [name.replace("_", " "), *words]
            databases[-1].tables.append(Table(name, words[0], words[1], int(size)))
    return databases


def _read_column(text: str) -> Column:
    match = _COLUMN.match(text)
    if match is None:
        raise ValueError(f"not a column: {text}")
    names, mark, definition = match.groups()
    name, _, comment = names.partition("/")
    sql_type = _TYPES[mark] or ("real" if "." in definition.split()[1] else "integer")
    roles = {"=": "label", ":": "category", "^": "year", "@": "date", "->": "key"}
    return Column(
        name,
        comment or name.replace("_", " "),
        roles.get(mark, "number"),
        sql_type,
        definition,
        additive=mark == "#+",
    )


def fill(database: Database, rng: random.Random) -> None:
    """Give every column of the database its values, as many as its table has rows."""
    for table in database.tables:
        for column in table.columns:
            parent = database.table(column.definition).size if column.role == "key" else 0
            column.values = _values(column, table.size, parent, database.chinese, rng)


def _values(
    column: Column, size: int, parent: int, chinese: bool, rng: random.Random
) -> list[Value]:
    definition = column.definition
    if column.role == "label":
        return list(rng.sample(_labels(definition, "" if chinese else " "), size))
    if column.role in ("category", "key"):
        choices: list[Value] = list(_split(definition) if not parent else range(1, parent + 1))
        # Every choice at least twice where the table is long enough; the rest by chance.
        values = choices * max(1, min(2, size // len(choices)))
        values += rng.choices(choices, k=max(0, size - len(values)))
        rng.shuffle(values)
        return values[:size]
    span, _, step = definition.partition(" ")
    low, high = span.split("..")
    if column.role == "date":
        days = range(int(low) * 336, (int(high) + 1) * 336)
        return [_date(day) for day in rng.sample(days, size)]
    unit = float(step or 1)
    grid = range(round((float(high) - float(low)) / unit) + 1)
    picks = rng.sample(grid, size) if len(grid) >= 2 * size else rng.choices(grid, k=size)
    numbers = [round(float(low) + pick * unit, 2) for pick in picks]
    return [int(number) for number in numbers] if column.sql_type == "integer" else [*numbers]


def _date(day: int) -> str:
    """Return an ISO date from a count of days in years of twelve months of 28 days."""
    return f"{day // 336:04d}-{day % 336 // 28 + 1:02d}-{day % 28 + 1:02d}"


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _labels(definition: str, joint: str) -> list[str]:
    groups = re.findall(r"\{([^}]*)\}", definition)
    if not groups:
        return _split(definition)
    return [joint.join(parts) for parts in itertools.product(*map(_split, groups))]


def schema_lines(database: Database) -> Iterator[str]:
    """Yield one line a table: name, columns with types, keys, and comments in Chinese."""
    for table in database.tables:
        note = f" /*{table.words}*/" if database.chinese else ""
        parts = ["id integer primary key"]
        for column in table.columns:
            part = f"{column.name} {column.sql_type}"
            if column.role == "key":
                part += f" references {column.definition}(id)"
            elif database.chinese:
                part += f" /*{column.words}*/"
            parts.append(part)
        yield f"{table.name}{note}({', '.join(parts)})"


def write_database(database: Database, path: Path) -> None:
    """Write the database as SQLite; the bytes depend on the content only."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("page_size = 1024", "encoding = 'UTF-8'", "user_version = 1"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        for table, line in zip(database.tables, schema_lines(database), strict=True):
            connection.execute(f"CREATE TABLE {line}")
            rows = zip(range(1, table.size + 1), *(c.values for c in table.columns), strict=True)
            marks = ", ".join("?" * (len(table.columns) + 1))
            connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    finally:
        connection.close()
    # The header names the SQLite release that wrote the file (bytes 96-99): not content.
    data = bytearray(path.read_bytes())
    data[96:100] = (3040000).to_bytes(4, "big")
    path.write_bytes(data)
