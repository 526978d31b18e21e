from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.errors import ProtocolViolation
from ftcore.runs.follow import LineFollower


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_file_that_comes_later(path: Path):
    follower = LineFollower(path)
    assert follower.new_lines() == []
    add(path, b'{"a": 1}\n{"a": 2}\n')
    assert follower.new_lines() == [{"a": 1}, {"a": 2}]
    assert follower.new_lines() == []


def test_what_was_there_before_is_not_new(path: Path):
    add(path, b'{"a": 1}\n')
    follower = LineFollower(path)
    add(path, b'{"a": 2}\n')
    assert follower.new_lines() == [{"a": 2}]


def test_half_a_line_waits_for_its_rest(path: Path):
    follower = LineFollower(path)
    add(path, b'{"a": 1}\n{"a": "\xe2\x98')
    assert follower.new_lines() == [{"a": 1}]
    add(path, b"\x83")
    assert follower.new_lines() == []
    add(path, b'"}\n')
    assert follower.new_lines() == [{"a": "\u2603"}]


@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_however_it_is_cut(cuts: list[int], tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("cut") / "events.jsonl"
    whole = '{"n": 0}\n\n{"n": 1, "t": "☃\u2028"}\n{"n": 2}\n{"n": 3'.encode()
    follower, seen, start = LineFollower(path), [], 0
    for end in [*sorted(min(cut, len(whole)) for cut in cuts), len(whole)]:
        add(path, whole[start:end])
        start = max(start, end)
        seen += follower.new_lines()
    assert [line["n"] for line in seen] == [0, 1, 2]


@pytest.mark.parametrize("line", [b"step 1", b"[1]", b'{"a": NaN}', b"\xff", b"[" * 50_000])
def test_a_whole_line_that_is_no_object_is_refused(path: Path, line: bytes):
    follower = LineFollower(path)
    add(path, line + b"\n")
    with pytest.raises(ProtocolViolation, match=r"events\.jsonl: a line is not"):
        follower.new_lines()
