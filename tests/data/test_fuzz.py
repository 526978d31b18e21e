"""Damaged files of every kind: rows or problems with a place, never a traceback."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ftcore.data.formats import FormatOptions
from ftcore.data.read import read_rows
from ftcore.errors import DataError

TURNS = [{"role": "user", "content": "Hi 你"}, {"role": "assistant", "content": "Hello\n"}]
RECORDS = [{"messages": TURNS, "n": n, "x": [None, 1.5, "é"]} for n in range(4)]
FLAT = [{"query": "Hi 你", "response": f'say "{n}"', "history": "[]"} for n in range(4)]


def _jsonl() -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS).encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _csv(mark: str) -> bytes:
    lines = [mark.join(map(_quoted, record.values())) for record in FLAT]
    return "\n".join([mark.join(FLAT[0]), *lines]).encode()


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(FLAT), sink)
    return bytes(sink.getvalue())


KINDS: dict[str, Callable[[], bytes]] = {
    "a.jsonl": _jsonl,
    "a.json": lambda: json.dumps(RECORDS, indent=1).encode(),
    "a.csv": lambda: _csv(","),
    "a.tsv": lambda: _csv("\t"),
    "a.parquet": _parquet,
    "a.jsonl.gz": lambda: gzip.compress(_jsonl(), mtime=0),
    "a.jsonl.zst": lambda: zstandard.compress(_jsonl()),
}


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Damage ``data`` in one to four places."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(result) + 1)
        action = chance.randrange(5)
        if action == 0:
            result[place : place + chance.randint(1, 9)] = b""
        elif action == 1:
            result[place:place] = chance.choice([b'"', b"{", b"]", b"\x00", b"\xff", b"\n", b","])
        elif action == 2 and place < len(result):
            result[place] = chance.randrange(256)
        elif action == 3:
            del result[place:]
        else:
            result[place:place] = result[: chance.randint(0, 40)]
    return bytes(result)


@pytest.mark.parametrize("name", KINDS)
def test_damaged_files(tmp_path: Path, name: str) -> None:
    read_damaged(tmp_path / name, 200)


@pytest.mark.heavy
@pytest.mark.parametrize("name", KINDS)
def test_twenty_thousand_damaged_files(tmp_path: Path, name: str) -> None:
    read_damaged(tmp_path / name, 3000)


def read_damaged(path: Path, files: int) -> None:
    """Read ``files`` damaged files; whatever happens, nothing may be unaccounted for."""
    chance = random.Random(path.name)
    good = KINDS[path.name]()
    codes: set[str] = set()
    for number in range(files):
        path.write_bytes(mutate(good, chance))
        try:
            report = read_rows(path.name, base=path.parent, format="auto", options=FormatOptions())
        except DataError as error:
            codes.add(error.code)
            continue
        counts = report.counts
        assert counts["records"] == counts["rows"] + counts["refused"], number
        assert counts["records"] or report.warnings[0].code == "data.file-empty", number
        assert all(problem.file == path.name for problem in report.problems), number
    assert all(code.startswith("data.") for code in codes)
