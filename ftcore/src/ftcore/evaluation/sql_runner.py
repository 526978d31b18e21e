"""The parent's side of safe SQL: one child process, its clock, and its restart."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ftcore.errors import MachineError

Row = tuple[Any, ...]

_CHILD = Path(__file__).with_name("sql_child.py")
_START_SECONDS = 60.0
# What an interpreter may need to find its own libraries; nothing else of the environment.
_PASSED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "LANG")


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """What one query may use.

    ``seconds`` of wall time (the process is killed ``grace`` seconds later where SQLite does
    not notice), ``rows`` and ``result_bytes`` of result, ``value_bytes`` for one value,
    ``sql_bytes`` of query text, ``memory_bytes`` of address space for the process.
    """

    seconds: float = 5.0
    grace: float = 1.0
    rows: int = 10_000
    result_bytes: int = 4 << 20
    value_bytes: int = 1 << 20
    sql_bytes: int = 100_000
    memory_bytes: int = 512 << 20


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The rows of a query, or the one line that says why there are none.

    ``truncated`` is true where the limit on rows or bytes cut the result.
    """

    ok: bool
    rows: tuple[Row, ...] = ()
    error: str | None = None
    truncated: bool = False


class SqlRunner:
    """Runs queries in one child process, started with the first query and after each kill.

    Use as a context manager, or call ``close``. Not for several threads at once.
    """

    def __init__(self, limits: SqlLimits | None = None) -> None:
        self.limits = limits or SqlLimits()
        self._child: _Child | None = None

    def __enter__(self) -> SqlRunner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child, if there is one; the next query starts another."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def run(self, database: Path, sql: str) -> SqlResult:
        """Run one query on the file; whatever the query does becomes the result.

        Raises MachineError where the child cannot be started at all.
        """
        if len(sql.encode("utf-8", "surrogatepass")) > self.limits.sql_bytes:
            return SqlResult(False, error=f"longer than {self.limits.sql_bytes} bytes")
        query = {"database": str(database.resolve()), "sql": sql}
        try:
            reply = self._ask(query)
        except TimeoutError:
            self.close()
            return SqlResult(False, error=f"time limit of {self.limits.seconds:g} s reached")
        except (EOFError, BrokenPipeError):
            self.close()
            return SqlResult(False, error="the query ended the process that ran it")
        except BaseException:
            # Interrupted between question and answer: the pipe would be one answer behind.
            self.close()
            raise
        if not reply["ok"]:
            return SqlResult(False, error=reply["error"])
        rows = tuple(tuple(_decode(value) for value in row) for row in reply["rows"])
        return SqlResult(True, rows, truncated=reply["truncated"])

    def _ask(self, query: dict[str, str]) -> dict[str, Any]:
        if self._child is None or not self._child.alive():
            self.close()
            self._child = _Child(self.limits)
        return self._child.ask(query, self.limits.seconds + self.limits.grace)


class _Child:
    """One child process and its two pipes."""

    def __init__(self, limits: SqlLimits) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED if name in os.environ},
            cwd=_CHILD.parent,
            start_new_session=True,  # Ctrl-C reaches the parent, which then ends the child
        )
        try:
            self.ask(asdict(limits), _START_SECONDS)
        except (TimeoutError, EOFError, BrokenPipeError) as error:
            self.kill()
            raise MachineError(
                "the process that runs SQL did not start",
                hint=f"try: {sys.executable} -I -c 'import sqlite3'",
                code="machine.sql-process",
            ) from error
        except BaseException:
            self.kill()
            raise

    def alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.poll() is None

    def ask(self, data: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send one line and return the answer; TimeoutError, EOFError or BrokenPipeError."""
        end = time.monotonic() + seconds
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(data).encode("ascii") + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._read_line(end))
        return answer

    def kill(self) -> None:
        """End the process and close its pipes."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _read_line(self, end: float) -> bytes:
        assert self._process.stdout is not None
        parts = []
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise TimeoutError
                part = os.read(self._process.stdout.fileno(), 1 << 16)
                if not part:
                    raise EOFError
                parts.append(part)
                if part.endswith(b"\n"):
                    return b"".join(parts)


def _decode(value: Any) -> Any:
    """Undo the tags of the child's ``_encode``."""
    if isinstance(value, list):
        kind, text = value
        return base64.b64decode(text) if kind == "bytes" else float(text)
    return value
