"""Make the bundled data of the NL2SQL recipe: databases, English rows and Chinese rows.

Run ``python recipes/make/make_nl2sql.py`` to write ``recipes/data/nl2sql`` again, byte for byte
(``--out FOLDER`` writes elsewhere). The databases are described in ``nl2sql_schemas_*.txt``, the
wordings in ``nl2sql_phrasings_*.txt``; the standard library is enough.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nl2sql_checks import check_folder
from nl2sql_queries import Query, draw, proves
from nl2sql_schema import Database, fill, read_databases, schema_lines, write_database
from nl2sql_wording import Wording

HERE = Path(__file__).resolve().parent
SEED = 20261

ENGLISH_SYSTEM = "Write one SQLite query that answers the question. Reply with the query only."
CHINESE_SYSTEM = "根据问题写一条SQLite查询，只回复查询语句。"

TRAIN_KINDS = {
    "select_text": 48,
    "select_num": 48,
    "lookup": 22,
    "count_text": 28,
    "count_num": 28,
    "count_all": 10,
    "agg": 40,
    "agg_where": 26,
    "order_one": 18,
    "order_top": 27,
    "group": 31,
    "distinct": 22,
    "between": 24,
    "join_select": 40,
    "join_count": 20,
}
TEST_KINDS = {
    "select_text": 12,
    "select_num": 14,
    "lookup": 6,
    "count_text": 8,
    "count_num": 8,
    "count_all": 2,
    "agg": 10,
    "agg_where": 8,
    "order_one": 6,
    "order_top": 8,
    "group": 8,
    "distinct": 6,
    "between": 6,
    "join_select": 12,
    "join_count": 6,
}
CHINESE_TRAIN_KINDS = {
    "select_text": 8,
    "select_num": 8,
    "count_text": 4,
    "count_num": 4,
    "agg": 6,
    "order_top": 5,
    "group": 4,
    "distinct": 2,
    "between": 2,
    "join_select": 3,
    "follow_value": 4,
    "follow_number": 3,
    "follow_count": 3,
    "follow_column": 2,
    "follow_twice": 2,
}
CHINESE_TEST_KINDS = {
    "select_text": 2,
    "select_num": 2,
    "count_text": 2,
    "count_num": 2,
    "agg": 2,
    "order_top": 2,
    "join_select": 2,
    "follow_value": 4,
    "follow_number": 2,
    "follow_count": 2,
    "follow_column": 2,
    "follow_twice": 2,
}
FEWSHOT_KINDS = ("select_num", "group", "join_select")
CHINESE_FEWSHOT_KINDS = ("select_num", "group", "join_select")


@dataclass
class Maker:
    """Draws questions with their SQL; never the same question or SQL twice in one database."""

    folder: Path
    wording: Wording
    rng: random.Random
    seen: set[tuple[str, str]] = field(default_factory=set)

    def turns(self, kind: str, pool: str, database: Database) -> tuple[str, list[tuple[str, str]]]:
        """Return the template of the last turn and the (question, SQL) pairs, oldest first."""
        template = self.wording.next_template(kind, pool)
        path = self.folder / "databases" / f"{database.name}.sqlite"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for _ in range(2000):
                queries = self._queries(kind, database)
                tables = [database.table(query.table) for query in queries]
                if not all(map(proves, [connection] * len(queries), queries, tables)):
                    continue
                pairs = self._say(template, pool, queries, database)
                keys = {(database.name, text) for pair in pairs[-1:] for text in pair}
                if keys & self.seen:
                    continue
                self.seen |= keys
                return template, pairs
        finally:
            connection.close()
        raise RuntimeError(f"{database.name}: no further {kind} query")

    def _queries(self, kind: str, database: Database) -> list[Query]:
        """Return the queries of a conversation: one, or earlier ones and the follow-up."""
        if not kind.startswith("follow"):
            return [draw(kind, database, self.rng)]
        number = kind == "follow_number"
        first = draw("select_num" if number else "select_text", database, self.rng)
        table = database.table(first.table)
        if kind == "follow_count":
            return [first, replace(first, aggregate="COUNT", columns=())]
        if kind == "follow_column":
            others = [c.name for c in table.columns if c.role != "key"]
            others = [name for name in others if name not in (*first.columns, first.where)]
            return [first, replace(first, columns=(self.rng.choice(others),))]
        column = next(c for c in table.columns if c.name == first.where)
        values = [value for value in column.values if value not in first.values]
        second = replace(first, values=(self.rng.choice(values),))
        if kind == "follow_twice":
            return [first, second, replace(second, aggregate="COUNT", columns=())]
        return [first, second]

    def _say(
        self, template: str, pool: str, queries: Sequence[Query], database: Database
    ) -> list[tuple[str, str]]:
        pairs = []
        for place, query in enumerate(queries[:-1]):
            opening = "select_num" if query.comparison != "=" else "select_text"
            earlier = self.wording.templates["follow_value" if place else opening, "seen"]
            first = self.rng.choice(earlier)
            pairs.append((self.wording.say(first, "seen", query, database, self.rng), query.sql()))
        question = self.wording.say(template, pool, queries[-1], database, self.rng)
        return [*pairs, (question, queries[-1].sql())]


def system_prompt(database: Database) -> str:
    """Return the one system prompt of a database: what to do, then its schema."""
    opening = CHINESE_SYSTEM if database.chinese else ENGLISH_SYSTEM
    return "\n".join([opening, *schema_lines(database)])


def deal(
    kinds: Mapping[str, int], databases: Sequence[Database], pools: Sequence[str]
) -> Iterable[tuple[str, str, Database]]:
    """Yield (kind, pool, database), each database in turn; a kind's rows alternate in pool."""
    jobs = [(kind, pools[i % len(pools)]) for kind, count in kinds.items() for i in range(count)]
    for index, (kind, pool) in enumerate(jobs):
        # The shift every round keeps a pool from always meeting the same databases.
        place = (index + index // len(databases)) % len(databases)
        yield kind, pool, databases[place]


def fields(kind: str, pool: str, template: str, maker: Maker, database: Database) -> dict[str, str]:
    """Return what a row says beside its conversation."""
    number = maker.wording.templates[kind, pool].index(template) + 1
    return {
        "database": database.name,
        "phrasing": pool,
        "kind": kind,
        "template": f"{kind}-{pool}-{number}",
    }


def message_rows(
    maker: Maker, kinds: Mapping[str, int], databases: Sequence[Database], pools: Sequence[str]
) -> list[dict[str, object]]:
    """Return shuffled rows of the ``messages`` shape."""
    rows: list[dict[str, object]] = []
    for kind, pool, database in deal(kinds, databases, pools):
        template, pairs = maker.turns(kind, pool, database)
        messages = [{"role": "system", "content": system_prompt(database)}]
        for question, sql in pairs:
            messages.append({"role": "user", "content": question})
            messages.append({"role": "assistant", "content": sql})
        rows.append({"messages": messages, **fields(kind, pool, template, maker, database)})
    maker.rng.shuffle(rows)
    return rows


def query_rows(
    maker: Maker, kinds: Mapping[str, int], databases: Sequence[Database], pools: Sequence[str]
) -> list[dict[str, object]]:
    """Return rows of the ``query`` / ``response`` / ``history`` shape."""
    rows: list[dict[str, object]] = []
    for kind, pool, database in deal(kinds, databases, pools):
        template, pairs = maker.turns(kind, pool, database)
        question, sql = pairs[-1]
        row = {"system": system_prompt(database), "query": question, "response": sql}
        history = [list(pair) for pair in pairs[:-1]]
        rows.append({**row, "history": history, **fields(kind, pool, template, maker, database)})
    return rows


def few_shot(rows: Sequence[dict[str, object]], kinds: Sequence[str]) -> list[dict[str, object]]:
    """Return one row of each kind, every one of another database."""
    chosen: list[dict[str, object]] = []
    for kind in kinds:
        used = {row["database"] for row in chosen}
        chosen.append(
            next(row for row in rows if row["kind"] == kind and row["database"] not in used)
        )
    return chosen


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write the rows as JSON lines, UTF-8, newline at the end of every row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(text.encode("utf-8"))


def make(folder: Path) -> None:
    """Write every file of the recipe's data to the folder and check the result."""
    groups = {n: read_databases(HERE / f"nl2sql_schemas_{n}.txt") for n in ("train", "test", "zh")}
    (folder / "databases").mkdir(parents=True, exist_ok=True)
    for databases in groups.values():
        for database in databases:
            fill(database, random.Random(f"{SEED} {database.name}"))
            write_database(database, folder / "databases" / f"{database.name}.sqlite")
    english = Wording(HERE / "nl2sql_phrasings_en.txt")
    chinese = Wording(HERE / "nl2sql_phrasings_zh.txt")
    zh_test = [database for database in groups["zh"] if "test" in database.name]
    zh_train = [database for database in groups["zh"] if database not in zh_test]

    def maker(wording: Wording, name: str) -> Maker:
        return Maker(folder, wording, random.Random(f"{SEED} {name}"))

    both = ("seen", "unseen")
    train = message_rows(maker(english, "train"), TRAIN_KINDS, groups["train"], ("seen",))
    write_rows(folder / "train.jsonl", train)
    write_rows(folder / "fewshot.jsonl", few_shot(train, FEWSHOT_KINDS))
    test = message_rows(maker(english, "test"), TEST_KINDS, groups["test"], both)
    write_rows(folder / "test.jsonl", test)
    rows = message_rows(maker(chinese, "zh train"), CHINESE_TRAIN_KINDS, zh_train, ("seen",))
    write_rows(folder / "zh" / "train.jsonl", rows)
    write_rows(folder / "zh" / "fewshot.jsonl", few_shot(rows, CHINESE_FEWSHOT_KINDS))
    rows = query_rows(maker(chinese, "zh test"), CHINESE_TEST_KINDS, zh_test, both)
    write_rows(folder / "zh" / "test.jsonl", rows)
    check_folder(folder, (english, chinese))


def main() -> None:
    """Read the command line and make the data."""
    parser = argparse.ArgumentParser(description="Make the data of the NL2SQL recipe.")
    default = HERE.parent / "data" / "nl2sql"
    parser.add_argument("--out", type=Path, default=default, help="folder to write to")
    make(parser.parse_args().out)


if __name__ == "__main__":
    main()
