"""Reading: every record ends as a row or as a problem, and nothing changes on the way."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.data.formats import FormatOptions
from ftcore.data.read import ReadReport, Refused, iter_rows, read_rows, require
from ftcore.data.rows import Row, Source, content_hash
from ftcore.data.write import write_rows
from ftcore.errors import DataError
from ftcore.rendering.messages import Message

OPTIONS = FormatOptions()


def turns(question: str = "Hi", answer: str = "Hello") -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def read(folder: Path, *lines: object, format: str = "messages") -> ReadReport:
    text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "rows.jsonl").write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return read_rows("rows.jsonl", base=folder, format=format, options=OPTIONS)


def test_rows_carry_source_fields_and_unique_ids(tmp_path: Path) -> None:
    report = read(tmp_path, {"messages": turns(), "k": 1}, "", {"messages": turns(), "k": 2})
    first, second = require(report)
    assert first.row_id == content_hash(first.messages)
    assert second.row_id == f"{first.row_id}-2"
    assert [str(row.source) for row in report.rows] == ["rows.jsonl:1", "rows.jsonl:3"]
    assert [row.fields for row in report.rows] == [{"k": 1}, {"k": 2}]
    assert report.counts == {
        "records": 2,
        "rows": 2,
        "refused": 0,
        "blank_lines": 1,
        "warnings": 0,
        "files": 1,
    }


def test_auto_says_what_it_took(tmp_path: Path) -> None:
    report = read(tmp_path, {"query": "a", "response": "b"}, format="auto")
    assert report.format == "query_response"
    assert report.why == "it has `query` and `response` (1 of 1 records looked at)"


PROBLEMS: list[tuple[object, str]] = [
    ('{"messages": [', "rows.jsonl:1: not valid JSON: Expecting value"),
    ({"messages": turns()[:1]}, "messages[0]: the row has no answer: it ends with the user turn"),
    ({"messages": turns(answer=" ")}, "messages[1]: the answer is blank"),
    ({"messages": turns(question="")}, "messages[0]: the user turn is blank"),
    ({"messages": []}, "messages: the conversation is empty"),
    ({"messages": turns()[1:]}, "messages[0]: an answer without a question"),
    ({"messages": turns()[:1] * 2}, "messages[1]: two user turns in a row"),
    ({"messages": turns() + turns()[1:]}, "messages[2]: two assistant turns in a row"),
    (
        {"messages": [*turns(), {"role": "system", "content": "x"}]},
        "messages[2]: a system turn that is not the first",
    ),
    (
        {"messages": [{"role": "tool", "content": "x"}]},
        "messages[0]: a tool turn that follows no assistant turn",
    ),
    (
        {"messages": [turns()[0], {**turns()[1], "weight": 0}]},
        "messages: every answer has weight 0",
    ),
    ({"messages": turns(question="a\ud800")}, "messages[0]: broken Unicode: U+D800"),
    ({"messages": "x"}, "messages: expected a list, found text"),
]


@pytest.mark.parametrize(("record", "message"), PROBLEMS)
def test_problems(tmp_path: Path, record: object, message: str) -> None:
    report = read(tmp_path, record)
    assert report.rows == []
    (problem,) = report.problems
    assert str(problem).startswith("rows.jsonl:1")
    assert message in str(problem).replace("rows.jsonl:1 ", "")
    assert problem.fix


def test_odd_characters_are_warnings(tmp_path: Path) -> None:
    report = read(tmp_path, {"messages": turns(question="a\x07b", answer="\ufffd")})
    assert len(report.rows) == 1
    assert [warning.message for warning in report.warnings] == [
        "control character U+0007 at character 2",
        "U+FFFD, a character lost in a conversion",
    ]


def test_problems_name_the_files_own_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nHi,Hello\nHi,\n")
    options = FormatOptions(columns={"query": "question", "response": "answer"})
    report = read_rows("a.csv", base=tmp_path, format="auto", options=options)
    assert (report.format, len(report.rows)) == ("query_response", 1)
    assert "the answer is blank" in report.problems[0].message
    options = FormatOptions(columns={"query": "question", "response": "anser"})
    report = read_rows("a.csv", base=tmp_path, format="query_response", options=options)
    assert report.problems[0].field == "anser"


def test_require_lists_twenty_and_counts_the_rest(tmp_path: Path) -> None:
    report = read(tmp_path, *[{"messages": turns()[:1]}] * 25)
    with pytest.raises(DataError) as caught:
        require(report)
    assert len(caught.value.problems) == 20
    assert caught.value.message == (
        "25 of 25 records cannot be used (the first 20 are shown, 5 more are not)"
    )


def test_no_row_and_nothing_readable(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the data has no row"):
        require(read(tmp_path))
    with pytest.raises(DataError, match=r"no record could be read from rows\.jsonl") as caught:
        read(tmp_path, "{", format="auto")
    assert caught.value.problems[0].line == 1


def test_sources_keep_their_order_and_weights(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"messages": turns(name)}) + "\n")
    report = read_rows([("b.jsonl", 2.0), "a.jsonl"], base=tmp_path, format="auto", options=OPTIONS)
    assert [row.messages[0].content for row in report.rows] == ["b", "a"]
    assert report.weights == {"b.jsonl": 2.0}


def test_an_empty_file_among_others_is_told(tmp_path: Path) -> None:
    read(tmp_path, {"messages": turns()})
    (tmp_path / "more.jsonl").write_text("\n")
    report = read_rows("*.jsonl", base=tmp_path, format="auto", options=OPTIONS)
    assert [str(warning) for warning in report.warnings] == ["more.jsonl: the file holds no record"]


def test_iter_rows_streams(tmp_path: Path) -> None:
    read(tmp_path, {"messages": turns()}, "{", {"messages": turns()})
    items = list(iter_rows("rows.jsonl", base=tmp_path, format="messages", options=OPTIONS))
    assert [type(item) for item in items] == [Row, Refused, Row]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.none() | st.booleans() | st.integers() | FLOATS
FIELDS = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "messages"),
    st.recursive(VALUES | st.text(), st.lists, max_leaves=5),
    max_size=3,
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    start = [Message("system", draw(st.text()))] if draw(st.booleans()) else []
    pairs = draw(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3))
    return (
        *start,
        *(turn for q, a in pairs for turn in (Message("user", q), Message("assistant", a))),
    )


@given(st.lists(st.tuples(conversations(), FIELDS), max_size=5))
def test_reading_what_was_written_gives_the_same_rows(
    parts: list[tuple[tuple[Message, ...], dict[str, Any]]],
) -> None:
    rows = [
        Row(content_hash(messages), messages, Source("rows.jsonl", line), fields)
        for line, (messages, fields) in enumerate(parts, 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_rows(rows, Path(folder) / "rows.jsonl")
        report = read_rows("rows.jsonl", base=Path(folder), format="messages", options=OPTIONS)
    assert report.problems == []
    assert [(row.messages, row.source, row.fields) for row in report.rows] == [
        (row.messages, row.source, row.fields) for row in rows
    ]


JSON_LINES = st.lists(
    st.binary(max_size=40).filter(lambda raw: b"\n" not in raw)
    | st.sampled_from([b"", b"{}", b"[]", b'{"messages": 3}', b"\xef\xbb\xbf{}"])
    | st.builds(lambda q, a: json.dumps({"messages": turns(q, a)}).encode(), st.text(), st.text()),
    max_size=8,
)


@given(JSON_LINES)
def test_every_line_is_counted(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(b"\n".join(lines))
        report = read_rows("rows.jsonl", base=Path(folder), format="messages", options=OPTIONS)
    counts = report.counts
    assert counts["records"] == counts["rows"] + counts["refused"]
    assert (len(report.rows), len(report.problems)) == (counts["rows"], counts["refused"])
    wide = lines[:1] and lines[0][:2] in (b"\xff\xfe", b"\xfe\xff")
    if not wide:
        written = len(lines) - (1 if lines and not lines[-1] else 0)
        assert counts["records"] + counts["blank_lines"] == written


@pytest.mark.parametrize("use", [read_rows, iter_rows])
def test_a_missing_file_is_named(tmp_path: Path, use: Callable[..., Any]) -> None:
    (tmp_path / "train.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"trian\.jsonl does not exist") as caught:
        list(use("trian.jsonl", base=tmp_path, format="messages", options=OPTIONS))
    assert caught.value.hint == "did you mean train.jsonl?"
