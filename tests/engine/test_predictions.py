from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftcore.data.rows import Row, Source
from ftcore.engine.predictions import read_given
from ftcore.errors import DataError
from ftcore.rendering.messages import Message

ROWS = [
    Row(f"id{n}", (Message("user", "q"), Message("assistant", "a")), Source("test.jsonl", n + 1))
    for n in range(3)
]


@pytest.fixture
def given(tmp_path: Path):
    """A function that writes lines to a file and reads it for `ROWS`."""

    def read(*lines: Any, limited: bool = False) -> dict[str, str]:
        path = tmp_path / "given.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts), encoding="utf-8")
        return read_given(path, ROWS, limited=limited)

    return read


def by_id(*numbers: int) -> list[dict[str, str]]:
    return [{"row_id": f"id{n}", "prediction": f"answer {n}"} for n in numbers]


EXPECTED = {f"id{n}": f"answer {n}" for n in range(3)}


def test_by_row_id_in_any_order(given):
    assert given(*by_id(2, 0, 1)) == EXPECTED


def test_in_the_order_of_the_rows(given):
    lines = [{"prediction": f"answer {n}"} for n in range(3)]
    assert given("\ufeff" + json.dumps(lines[0]), "", lines[1], lines[2], "") == EXPECTED


def test_the_form_of_fts_own_predictions(given):
    lines = [{"row_id": f"id{n}", "text": f"answer {n}", "token_ids": [1]} for n in range(3)]
    assert given(*lines) == EXPECTED


def test_line_separators_inside_answers(given):
    text = "one\u2028two\nthree"
    lines = [json.dumps({"prediction": text}, ensure_ascii=False)] * 3
    assert given(*lines) == dict.fromkeys(EXPECTED, text)


def test_other_rows_are_left_aside_where_the_rows_are_limited(given):
    extra = {"row_id": "id9", "prediction": "x"}
    assert given(*by_id(0, 1, 2), extra, limited=True) == EXPECTED
    with pytest.raises(DataError) as caught:
        given(*by_id(0, 1, 2), extra)
    assert "4" in str(caught.value.problems[0].line)
    assert "'id9' is no test row" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{"], "no JSON"),
        (["[" * 100_000], "no JSON"),
        (["[1]"], "not a JSON object"),
        ([{"answer": "x"}], "no 'prediction' in it"),
        ([{"prediction": 3}], "'prediction' is no text"),
        ([{"prediction": None}], "'prediction' is no text"),
        ([{"prediction": "x", "row_id": 3}], "'row_id' is no text"),
        ([*by_id(0), {"prediction": "x"}], "no 'row_id', though other lines have one"),
        (by_id(0, 1, 1), "row id1 is answered twice"),
        (by_id(0, 1), "no prediction for test row id2 (test.jsonl:3)"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(given, lines, message: str):
    with pytest.raises(DataError) as caught:
        given(*lines)
    assert caught.value.code == "data.predictions"
    assert any(message in str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_another_number_of_lines(given, count: int):
    with pytest.raises(DataError):
        given(*[{"prediction": "x"}] * count)


def test_a_file_that_is_no_text(tmp_path: Path):
    path = tmp_path / "given.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no UTF-8 text"):
        read_given(path, ROWS, limited=False)
