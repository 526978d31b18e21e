"""Files of every kind: what is read, with which line, and what is said about damage."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ftcore.data.files import Found, iter_file
from ftcore.data.sources import DataFile, find_files
from ftcore.errors import DataError

RECORDS = [{"a": "1", "b": "x"}, {"a": "2", "b": 'y, "z"\nnext'}]


def found(path: Path, data: bytes) -> list[Found]:
    path.write_bytes(data)
    return list(iter_file(DataFile(path.name, path)))


def one_problem(path: Path, data: bytes) -> str:
    problems = [str(item.problem) for item in found(path, data) if item.problem]
    assert len(problems) == 1
    return problems[0]


def jsonl() -> bytes:
    return "".join(json.dumps(record) + "\n" for record in RECORDS).encode()


def parquet(path: Path) -> bytes:
    pq.write_table(pa.Table.from_pylist(RECORDS), path)
    return path.read_bytes()


WRITERS: dict[str, tuple[Callable[[Path], bytes], list[int]]] = {
    "a.jsonl": (lambda path: jsonl(), [1, 2]),
    "a.ndjson": (lambda path: jsonl().replace(b"\n", b"\r\n"), [1, 2]),
    "bom.jsonl": (lambda path: b"\xef\xbb\xbf" + jsonl(), [1, 2]),
    "no_newline.jsonl": (lambda path: jsonl().rstrip(b"\n"), [1, 2]),
    "a.json": (lambda path: json.dumps(RECORDS, indent=1).encode(), [2, 6]),
    "bom.json": (lambda path: b"\xef\xbb\xbf" + json.dumps(RECORDS).encode(), [1, 1]),
    "wrapped.json": (lambda path: json.dumps({"data": RECORDS}).encode(), [1, 1]),
    "lines.json": (lambda path: jsonl(), [1, 2]),
    "a.csv": (lambda path: b'a,b\r\n1,x\r\n2,"y, ""z""\nnext"\r\n', [2, 3]),
    "a.tsv": (lambda path: b'\xef\xbb\xbfa\tb\n1\tx\n2\t"y, ""z""\nnext"\n', [2, 3]),
    "a.parquet": (parquet, [1, 2]),
    "a.jsonl.gz": (lambda path: gzip.compress(jsonl()), [1, 2]),
    "a.csv.gz": (lambda path: gzip.compress(b'a,b\n1,x\n2,"y, ""z""\nnext"\n'), [2, 3]),
    "a.jsonl.zst": (lambda path: zstandard.compress(jsonl()), [1, 2]),
    "a.json.zst": (lambda path: zstandard.compress(json.dumps(RECORDS).encode()), [1, 1]),
}


@pytest.mark.parametrize("name", WRITERS)
def test_kinds(tmp_path: Path, name: str) -> None:
    write, lines = WRITERS[name]
    path = tmp_path / name
    items = found(path, write(path))
    assert [item.record for item in items] == RECORDS
    assert [item.line for item in items] == lines


def test_blank_lines_are_told(tmp_path: Path) -> None:
    items = found(tmp_path / "a.jsonl", b'\n{"a": 1}\n  \r\n{"a": 2}\n\n')
    assert [item.blank for item in items] == [True, False, True, False, True]
    assert items[3].line == 4


DAMAGE: list[tuple[str, bytes, str]] = [
    (
        "a.jsonl",
        b'{"a": 1}\n{"a": \n{"a": 3}\n',
        "a.jsonl:2: not valid JSON: Expecting value at column 7",
    ),
    ("a.jsonl", b'{"a": 1}\n[1]\n', "a.jsonl:2: expected an object, found a list"),
    ("a.jsonl", b'{"a": 1}\n{"a": "\xff"}\n', "a.jsonl:2: not UTF-8: byte 0xff at byte 8"),
    ("a.jsonl", b"[" * 100_000 + b"\n", "a.jsonl:1: not valid JSON: nested too deeply"),
    ("a.jsonl", b'{"a": ' + b"9" * 5000 + b"}\n", "a.jsonl:1: not valid JSON: Exceeds the limit"),
    ("a.jsonl", '{"a": 1}'.encode("utf-16"), "the file is UTF-16, not UTF-8"),
    ("a.json", b'[{"a": 1},\n{"a": }]', "a.json:2: not valid JSON: Expecting value"),
    ("a.json", b'[{"a": 1}\n{"a": 2}]', "a.json:2: not valid JSON: expected ',' or ']'"),
    ("a.json", b'[{"a": 1},\n{"a": "\xff"}]', "a.json:2: not UTF-8: byte 0xff at byte 8"),
    ("a.json", b'[{"a": 1}', "found 'the end of the file'"),
    ("a.json", b'[{"a": 1}] x', "there is more text behind the array"),
    ("a.json", b"", "a.json:1: not valid JSON: the file is empty"),
    ("a.jsonl", b'{"a": NaN}', "a.jsonl:1: not valid JSON: NaN is no JSON value"),
    ("a.json", b"3", "a.json:1: expected an object, found a number"),
    ("a.json", b'{"train": [{"a": 1}], "test": [{"a": 2}]}', "several lists of records"),
    ("a.csv", b"a,b\n1,2,3\n", "a.csv:2: expected 2 cells, found 3"),
    ("a.csv", b"a,a\n1,2\n", "a.csv:1: the column 'a' occurs twice"),
    ("a.csv", b"a,b\n\xff,2\n", "a.csv:2: the row is not UTF-8"),
    ("a.csv", b'a,b\n"1,2\n', "a.csv:2: the table breaks here"),
    ("a.parquet", b"PAR1 no", "the Parquet file cannot be read"),
    ("a.jsonl.gz", gzip.compress(jsonl())[:-6], "the file breaks off or is damaged"),
    ("a.jsonl.gz", b"plain", "the file breaks off or is damaged"),
    ("a.jsonl.zst", zstandard.compress(jsonl() * 99)[:40], "the file breaks off or is damaged"),
    ("a.jsonl.zst", b"plain", "the file breaks off or is damaged"),
]


@pytest.mark.parametrize(("name", "data", "message"), DAMAGE)
def test_damage_has_a_place(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    assert message in one_problem(tmp_path / name, data)


def test_reading_goes_on_behind_a_broken_line(tmp_path: Path) -> None:
    items = found(tmp_path / "a.jsonl", b'{"a": 1}\n{"a": \n{"a": 3}\n')
    assert [item.record for item in items] == [{"a": 1}, None, {"a": 3}]


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"a": 1}\n')


def names(sources: Any, base: Path) -> list[str]:
    return [file.name for file in find_files(sources, base=base)]


def test_folders_and_globs_are_sorted(tmp_path: Path) -> None:
    write(tmp_path, "d/b.jsonl", "d/a.jsonl", "d/sub/c.csv", "d/readme.md", "d/.hidden/x.jsonl")
    assert names("d", tmp_path) == ["d/a.jsonl", "d/b.jsonl", "d/sub/c.csv"]
    assert names("d/*.jsonl", tmp_path) == ["d/a.jsonl", "d/b.jsonl"]
    assert names("d/**/*.csv", tmp_path) == ["d/sub/c.csv"]
    assert names(["d/b.jsonl", ("d/a.jsonl", 2.0)], tmp_path) == ["d/b.jsonl", "d/a.jsonl"]
    assert find_files([("d", 0.5)], base=tmp_path)[0].weight == 0.5


def test_a_name_with_brackets_is_a_name_first(tmp_path: Path) -> None:
    write(tmp_path, "a[1].jsonl")
    assert names("a[1].jsonl", tmp_path) == ["a[1].jsonl"]


MISSING = [
    ("d/trian.jsonl", "the data file d/trian.jsonl does not exist", "did you mean d/train.jsonl?"),
    ("d/zzz", "does not exist", "d holds train.jsonl"),
    ("nowhere/deep/a.jsonl", "does not exist", "does not exist; the nearest that does is"),
    ("d/*.csv", "no file matches d/*.csv", "looked in"),
    ("empty", "the folder empty holds no file that can be read", ".jsonl"),
    ("notes.md", "notes.md is of no kind that can be read", ".parquet"),
    ("hf://datasets/a", "not an address", "OWNER/NAME"),
]


@pytest.mark.parametrize(("source", "message", "hint"), MISSING)
def test_missing_sources(tmp_path: Path, source: str, message: str, hint: str) -> None:
    write(tmp_path, "d/train.jsonl", "notes.md")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        find_files(source, base=tmp_path)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)
    assert caught.value.exit_code == 2


def test_no_source_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data source"):
        find_files([], base=tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.jsonl", '{"a": 1}\n{"b": {"a": 1, "a": 2}}\n{"a": 3}\n', 2),
        ("a.json", '[{"a": 1},\n{"b": [{"a": 1, "a": 2}]},\n{"a": 3}]', 2),
        ("b.json", '{"a": 1,\n"a": 2}', 1),
        ("c.json", '{"rows": [{"a": 1},\n{"a": 1, "a": 2}, {"a": 3}]}', 2),
    ],
)
def test_a_key_that_occurs_twice_is_told_and_reading_goes_on(
    tmp_path: Path, name: str, text: str, line: int
) -> None:
    items = found(tmp_path / name, text.encode())
    (problem,) = [item.problem for item in items if item.problem]
    assert str(problem) == (
        f"{name}:{line}: the key 'a' occurs twice in one object, so a value would be lost "
        "(keep one of them)"
    )
    assert [item.record for item in items if item.record] == (
        [] if name == "b.json" else [{"a": 1}, {"a": 3}]
    )


def test_a_column_that_occurs_twice(tmp_path: Path) -> None:
    table = pa.table([pa.array(["x"]), pa.array(["y"])], names=["a", "a"])
    pq.write_table(table, tmp_path / "a.parquet")
    problem = one_problem(tmp_path / "a.parquet", (tmp_path / "a.parquet").read_bytes())
    assert "the column 'a' occurs twice" in problem
