from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ftcore.errors import MachineError
from ftcore.evaluation import sql_runner as module
from ftcore.evaluation.sql_runner import SqlLimits, SqlRunner

LIMITS = SqlLimits(seconds=0.4, grace=0.4, rows=1000)

REFUSED = [
    "",
    ";",
    "-- nothing but a comment",
    "/* open",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE t",
    "SELECT 1 -- x\n; DELETE FROM t",
    "SELECT 1 /* ; */ ; DELETE FROM t /* ; */",
    "SELECT 1\0; DROP TABLE t",
    "\0",
    "SELECT '\ud800'",
    "INSERT INTO t VALUES (1, 'x')",
    "UPDATE t SET a = 2",
    "UPDATE t SET a = 2 RETURNING a",
    "DELETE FROM t",
    "REPLACE INTO t VALUES (1, 'x')",
    "WITH x AS (SELECT 1) DELETE FROM t",
    "DROP TABLE t",
    "ALTER TABLE t RENAME TO u",
    "CREATE TABLE z (a)",
    "CREATE TABLE z AS SELECT * FROM t",
    "CREATE TEMP TABLE z (a)",
    "CREATE TEMP VIEW z AS SELECT 1",
    "CREATE INDEX i ON t (a)",
    "CREATE VIRTUAL TABLE f USING fts5(x)",
    "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
    "ATTACH 'FOLDER/attached.db' AS x",
    "ATTACH DATABASE 'file:FOLDER/attached.db?mode=rwc' AS x",
    "ATTACH ':memory:' AS x",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO 'FOLDER/vacuum.db'",
    "PRAGMA journal_mode = WAL",
    "PRAGMA user_version = 7",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA temp_store_directory = 'FOLDER'",
    "PRAGMA hard_heap_limit = 0",
    "PRAGMA table_info(t)",
    "SELECT * FROM pragma_table_info('t')",
    "SELECT * FROM pragma_database_list",
    "BEGIN",
    "BEGIN EXCLUSIVE",
    "COMMIT",
    "SAVEPOINT s",
    "ANALYZE",
    "REINDEX",
    "SELECT load_extension('FOLDER/evil.so')",
    "SELECT LOAD_EXTENSION('FOLDER/evil.so', 'init')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('FOLDER/written', 'x')",
    "SELECT edit('x', 'sh')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT fts3_tokenizer('simple', x'4141414141414141')",
    "SELECT sqlite_log(1, 'x')",
    "SELECT rtreecheck('t')",
    "WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 'x'",
    "INSERT INTO t SELECT * FROM t RETURNING *",
    "UPDATE OR REPLACE t SET b = 'x' WHERE a IN (SELECT a FROM t)",
    "UPDATE sqlite_master SET sql = 'broken'",
    "INSERT INTO sqlite_master VALUES ('table', 'z', 'z', 0, 'CREATE TABLE z (a)')",
    "DELETE FROM sqlite_schema",
    "CREATE VIRTUAL TABLE r USING rtree(id, a, b)",
    "CREATE VIRTUAL TABLE c USING csv(filename='/etc/passwd')",
    "CREATE VIRTUAL TABLE temp.d USING dbstat(main)",
    "CREATE TEMP TRIGGER g AFTER UPDATE ON t BEGIN DELETE FROM t; END",
    "DROP INDEX by_a",
    "ALTER TABLE t ADD COLUMN c DEFAULT (randomblob(1000000000))",
    "ALTER TABLE t DROP COLUMN b",
    "ATTACH x'2f746d702f7a' AS x",
    "ATTACH 'FOLDER/shop.sqlite' AS again",
    "PRAGMA mmap_size = 1099511627776",
    "PRAGMA cache_size = -1000000000",
    "PRAGMA trusted_schema = ON",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA integrity_check",
    "SELECT * FROM pragma_function_list",
    "SELECT * FROM pragma_compile_options UNION SELECT 1",
    "SELECT fts5(x'00')",
    "SELECT zipfile('a', 'b')",
    "SELECT name FROM fsdir('/etc')",
    "SELECT eval('DROP TABLE t')",
    "ROLLBACK",
    "RELEASE s",
    "END TRANSACTION",
    "EXPLAIN DROP TABLE t",
    "EXPLAIN QUERY PLAN DELETE FROM t",
    "SELECT 1;;; SELECT 2",
    "\ufeffDROP TABLE t",
    "SELECT 1 /* never closed */ /*; */; VACUUM",
    "SELECT ?",
    "SELECT :name, @other, $third",
    "SELECT * FROM 'FOLDER/shop.sqlite'",
    "SELECT '" + "\0" * 10 + "', nowhere FROM t",
    ".shell touch FOLDER/shell",
    ".output FOLDER/output",
]

BOMBS = [
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "WITH RECURSIVE r(s) AS (SELECT 'ab' UNION ALL SELECT s || s FROM r) SELECT s FROM r",
    "SELECT count(*) FROM t a, t b, t c, t d, t e",
    "SELECT a.a FROM t a, t b, t c ORDER BY a.b || b.b || c.b",
    "SELECT DISTINCT a.b || b.b || hex(zeroblob(200000)) AS x FROM t a, t b ORDER BY x",
    "SELECT json_group_array(a.b) FROM t a, t b, t c",
    "SELECT group_concat(a.b || b.b || c.b) FROM t a, t b, t c",
    "SELECT zeroblob(2000000000)",
    "SELECT hex(zeroblob(1000000))",
    "SELECT length(randomblob(2000000000))",
    "SELECT sum(length(randomblob(1000000))) FROM t a, t b",
    "SELECT replace(hex(zeroblob(400000)), '0', hex(zeroblob(400000)))",
    "SELECT instr(hex(zeroblob(450000)), hex(zeroblob(200000)) || '1')",
    "SELECT " + "(" * 50_000 + "1" + ")" * 50_000,
    "SELECT 1" + " + 1" * 20_000,
    "SELECT 1" + " UNION SELECT 1" * 6_000,
    "SELECT '" + "x" * 200_000 + "'",
    "SELECT " + "abs(" * 5_000 + "1" + ")" * 5_000,
    "SELECT " + "CASE WHEN 1 THEN " * 2_000 + "1" + " END" * 2_000,
    "SELECT * FROM " + "(SELECT * FROM " * 500 + "t" + ")" * 500,
    "WITH "
    + ", ".join(f"c{n} AS (SELECT * FROM t, t AS u)" for n in range(5))
    + " SELECT count(*) FROM c0, c1, c2, c3, c4",
    "WITH RECURSIVE r(n, s) AS (SELECT 1, 'x' UNION ALL SELECT n + 1, s || 'x' FROM r) "
    "SELECT max(length(s)) FROM r",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT n FROM r",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n * 2 FROM r ORDER BY 1 DESC) "
    "SELECT count(*) FROM r",
    "SELECT count(*) FROM t a JOIN t b ON a.b > b.b JOIN t c ON b.b > c.b JOIN t d ON c.b > d.b",
    "SELECT (SELECT count(*) FROM t b, t c WHERE b.a + c.a > a.a) FROM t a",
    "SELECT sum(a.a) OVER (ORDER BY a.b || b.b) FROM t a, t b, t c",
    "SELECT group_concat(hex(randomblob(1000)), '') FROM t a, t b",
    "SELECT json_group_object(a.b || b.b, c.b) FROM t a, t b, t c",
    "SELECT length(printf('%.900000d', a.a)) + length(printf('%.900000d', b.a)) FROM t a, t b",
    "SELECT hex(zeroblob(500000)) || hex(zeroblob(500000))",
    "SELECT x'" + "00" * 60_000 + "'",
    "SELECT " + ", ".join(f"a AS c{n}" for n in range(3_000)) + " FROM t",
    "SELECT count(*) FROM " + ", ".join(f"t AS t{n}" for n in range(70)),
]

HARMLESS = [
    "SELECT 1 WHERE hex(zeroblob(400000)) LIKE '" + "%0" * 490 + "1'",
    "SELECT printf('%.2000000000d', 1)",
    "SELECT printf('%*d', 2000000000, 1)",
    "SELECT format('%2000000000s', 'x')",
    "EXPLAIN SELECT * FROM t",
    "SELECT sql FROM sqlite_master",
    "SELECT json_extract('" + "[" * 900 + "]" * 900 + "', '$" + "[0]" * 900 + "')",
    "SELECT random()",
]


def test_there_are_more_than_a_hundred_of_them() -> None:
    hostile = [*REFUSED, *BOMBS]
    assert len(set(hostile)) == len(hostile) >= 100


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("a folder?#% 库") / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER, b TEXT)")
        connection.execute("CREATE INDEX by_a ON t (a)")
        rows = [(number, f"row {number}") for number in range(1000)]
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        connection.commit()
    return path


@pytest.fixture(scope="module")
def runner() -> Iterator[SqlRunner]:
    with SqlRunner(LIMITS) as running:
        yield running


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_rows_come_back_with_their_types(runner: SqlRunner, database: Path) -> None:
    result = runner.run(database, "SELECT 1, 1.5, 'é库', NULL, x'00ff', 9e999, -9e999, char(0);")
    assert result.ok
    assert result.error is None
    assert result.rows == ((1, 1.5, "é库", None, b"\x00\xff", float("inf"), float("-inf"), "\0"),)


def test_a_query_reads_the_file(runner: SqlRunner, database: Path) -> None:
    assert runner.run(database, "SELECT b FROM t WHERE a < 2 ORDER BY a").rows == (
        ("row 0",),
        ("row 1",),
    )


@pytest.mark.parametrize("sql", REFUSED)
def test_a_refused_query_changes_no_file(runner: SqlRunner, database: Path, sql: str) -> None:
    before = digests(database.parent)
    result = runner.run(database, sql.replace("FOLDER", str(database.parent)))
    assert not result.ok
    assert result.error
    assert digests(database.parent) == before
    assert runner.run(database, "SELECT count(*) FROM t").rows == ((1000,),)


@pytest.mark.parametrize("sql", BOMBS)
def test_a_bomb_costs_its_limit_and_nothing_else(
    runner: SqlRunner, database: Path, sql: str
) -> None:
    before = digests(database.parent)
    start = time.monotonic()
    result = runner.run(database, sql)
    assert time.monotonic() - start < LIMITS.seconds + LIMITS.grace + 1.5
    assert not result.ok or result.truncated
    assert digests(database.parent) == before
    assert runner.run(database, "SELECT count(*) FROM t").rows == ((1000,),)


@pytest.mark.parametrize("sql", HARMLESS)
def test_a_harmless_query_is_answered(runner: SqlRunner, database: Path, sql: str) -> None:
    before = digests(database.parent)
    assert runner.run(database, sql).ok
    assert digests(database.parent) == before


def test_rows_and_bytes_are_limited(runner: SqlRunner, database: Path) -> None:
    result = runner.run(database, "SELECT a.a FROM t a, t b")
    assert result.ok
    assert result.truncated
    assert len(result.rows) == LIMITS.rows
    exact = runner.run(database, "SELECT a FROM t")
    assert len(exact.rows) == 1000
    assert not exact.truncated
    big = runner.run(database, "SELECT hex(zeroblob(400000)) FROM t")
    assert big.truncated
    assert sum(len(row[0]) for row in big.rows) <= LIMITS.result_bytes


def test_the_process_is_reused_and_survives_a_time_limit(database: Path) -> None:
    with SqlRunner(LIMITS) as running:
        running.run(database, "SELECT 1")
        assert running._child is not None
        first = running._child._process.pid
        assert "time limit of 0.4 s" in str(running.run(database, BOMBS[0]).error)
        running.run(database, "SELECT 1")
        assert running._child._process.pid == first


def test_a_process_that_does_not_answer_is_killed_and_replaced(database: Path) -> None:
    with SqlRunner(LIMITS) as running:
        running.run(database, "SELECT 1")
        assert running._child is not None
        pid = running._child._process.pid
        os.kill(pid, signal.SIGSTOP)
        assert running.run(database, "SELECT 1").error == "time limit of 0.4 s reached"
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert running.run(database, "SELECT 1").ok


def test_a_process_that_died_between_queries_is_replaced(database: Path) -> None:
    with SqlRunner(LIMITS) as running:
        running.run(database, "SELECT 1")
        assert running._child is not None
        os.kill(running._child._process.pid, signal.SIGKILL)
        running._child._process.wait()
        assert running.run(database, "SELECT 1").ok


def test_a_process_that_dies_over_a_query_costs_that_query(database: Path) -> None:
    with SqlRunner(SqlLimits(seconds=20)) as running:
        running.run(database, "SELECT 1")
        assert running._child is not None
        pid = running._child._process.pid
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        result = running.run(database, "SELECT 1")
        assert result.ok or result.error == "the query ended the process that ran it"
        assert running.run(database, "SELECT 1").ok


def test_a_missing_or_broken_file_is_an_error_of_the_query(
    runner: SqlRunner, tmp_path: Path
) -> None:
    missing = runner.run(tmp_path / "none.sqlite", "SELECT 1")
    assert "unable to open" in str(missing.error)
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"not a database" * 100)
    assert "not a database" in str(runner.run(broken, "SELECT * FROM t").error)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_read_only_folder_is_enough(runner: SqlRunner, tmp_path: Path, database: Path) -> None:
    folder = tmp_path / "ro"
    folder.mkdir()
    copy = folder / "shop.sqlite"
    copy.write_bytes(database.read_bytes())
    copy.chmod(0o400)
    folder.chmod(0o500)
    try:
        assert runner.run(copy, "SELECT count(*) FROM t ORDER BY 1").rows == ((1000,),)
    finally:
        folder.chmod(0o700)


def test_a_child_that_cannot_start_is_an_error_of_the_machine(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHILD", database.parent / "no_such_child.py")
    with pytest.raises(MachineError) as caught, SqlRunner(LIMITS) as running:
        running.run(database, "SELECT 1")
    assert caught.value.code == "machine.sql-process"


def test_the_child_sees_no_secret(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    with SqlRunner(LIMITS) as running:
        running.run(database, "SELECT 1")
        assert running._child is not None
        environ = Path(f"/proc/{running._child._process.pid}/environ")
        if not environ.exists():
            pytest.skip("needs /proc")
        assert b"secret" not in environ.read_bytes()
