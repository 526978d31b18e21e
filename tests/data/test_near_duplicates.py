"""Near-duplicates by MinHash, and what happens without the library."""

from __future__ import annotations

import sys

import pytest

from ftcore.data.near_duplicates import NearIndex, row_text
from ftcore.errors import DataError
from ftcore.rendering.messages import Message

TEXT = "the library opens at nine in the morning on every day of the week but sunday"


def test_the_nearest_is_named() -> None:
    index = NearIndex(0.7)
    assert index.find_or_add(TEXT, "a:1") is None
    assert index.find_or_add("who may borrow the laptops of the computing centre", "a:2") is None
    index.add(f"{TEXT} and monday", "a:3")
    assert index.nearest(index.sketch(f"{TEXT} and  MONDAY")) == "a:3 (similarity 1.00)"
    assert index.nearest(index.sketch("something else altogether")) is None
    assert index.nearest(index.sketch("")) is None


def test_the_system_prompt_does_not_count(make_row) -> None:
    row = make_row("q", "a")
    longer = type(row)(row.row_id, (Message("system", "s"), *row.messages), row.source)
    assert row_text(longer) == row_text(row) == "q\na"


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(DataError, match="datasketch") as caught:
        NearIndex(0.8)
    assert caught.value.hint == 'pip install "ftcore[near-duplicates]"'
