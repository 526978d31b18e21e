"""The process that runs SQL written by a model: started alone, limited, with nothing to lose.

Run as ``python -I sql_child.py``; it imports the standard library only. The first line of its
input holds the limits, every further line one query; each is answered by one line of JSON.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
# Functions that reach files or the engine's insides; some exist only in other builds.
_REFUSED_FUNCTIONS = {
    "load_extension", "readfile", "writefile", "edit", "eval", "fts3_tokenizer", "fts5",
    "sqlite_log", "rtreecheck", "rtreenode", "optimize", "zipfile", "lsmode", "fsdir",
}  # fmt: skip
_OPERATIONS_BETWEEN_CHECKS = 2000


def main() -> None:
    """Read the limits, then answer queries until the input ends."""
    limits = json.loads(sys.stdin.buffer.readline())
    limit_process(limits["memory_bytes"])
    _reply({"ready": sqlite3.sqlite_version})
    for line in sys.stdin.buffer:
        _reply(answer(json.loads(line), limits))


def answer(query: dict[str, str], limits: dict[str, Any]) -> dict[str, Any]:
    """Run one query; every failure of the query becomes the answer's ``error``."""
    try:
        with contextlib.closing(connect(query["database"], limits)) as connection:
            rows, truncated = fetch(connection, query["sql"], limits)
    except MemoryError:
        return {"ok": False, "error": "the query needs more memory than it may use"}
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        if str(error) == "interrupted":
            return {"ok": False, "error": f"time limit of {limits['seconds']:g} s reached"}
        return {"ok": False, "error": f"{error}" or type(error).__name__}
    return {"ok": True, "rows": rows, "truncated": truncated}


def connect(database: str, limits: dict[str, Any]) -> sqlite3.Connection:
    """Open the file read-only, with every limit that SQLite knows and the authorizer set."""
    uri = Path(database).as_uri() + "?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        # Before the authorizer, which refuses every PRAGMA from then on.
        for pragma in (
            "query_only=ON",
            "trusted_schema=OFF",
            "temp_store=MEMORY",
            f"hard_heap_limit={limits['memory_bytes'] // 2}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits["value_bytes"])
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, limits["sql_bytes"])
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200)
        connection.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 100)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000)
        connection.set_authorizer(authorize)
        connection.set_progress_handler(_deadline(limits["seconds"]), _OPERATIONS_BETWEEN_CHECKS)
    except BaseException:
        connection.close()
        raise
    return connection


def authorize(
    action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
) -> int:
    """Allow reading and nothing else; decided while SQLite compiles the statement."""
    if action not in _ALLOWED:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def fetch(
    connection: sqlite3.Connection, sql: str, limits: dict[str, Any]
) -> tuple[list[list[Any]], bool]:
    """Return the rows, and whether the limit on rows or bytes cut them."""
    cursor = connection.execute(sql)
    if cursor.description is None:
        raise ValueError("not a query")
    rows: list[list[Any]] = []
    size = 0
    for row in cursor:
        size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if len(rows) == limits["rows"] or size > limits["result_bytes"]:
            return rows, True
        rows.append([_encode(value) for value in row])
    return rows, False


def limit_process(memory_bytes: int) -> None:
    """Take from this process memory, files to write, children and core dumps, where the
    platform can; the authorizer and the parent's clock hold without it.
    """
    try:
        import resource
    except ImportError:
        return
    for name, value in (
        ("RLIMIT_AS", memory_bytes),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NPROC", 0),
    ):
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def _deadline(seconds: float) -> Callable[[], int]:
    end = time.monotonic() + seconds
    return lambda: int(time.monotonic() > end)


def _encode(value: Any) -> Any:
    """Return the value as JSON can hold it; bytes and infinities as tagged lists."""
    if isinstance(value, bytes):
        return ["bytes", base64.b64encode(value).decode("ascii")]
    if isinstance(value, float) and not math.isfinite(value):
        return ["float", repr(value)]
    return value


def _reply(data: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(data).encode("ascii") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
