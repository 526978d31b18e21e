"""Streams that nobody asks for any more leave the cache."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ftcore.data.collect import KEPT_DAYS, collect
from ftcore.data.input_record import INPUTS
from ftcore.data.rows import Row
from ftcore.data.stored_stream import Stream
from ftcore.rendering.renderer import Renderer

DAY = 86_400
OLD = time.time() - (KEPT_DAYS + 1) * DAY


@pytest.fixture
def make(
    build: Callable[..., Stream],
    make_row: Callable[..., Row],
    make_renderer: Callable[..., Renderer],
) -> Callable[[str], Stream]:
    """A function that builds the stream of one row."""
    return lambda question: build({"train": [make_row(question, "blue", 1)]}, make_renderer())


def age(home: Path) -> None:
    """Make everything in ``home`` look unused for longer than it is kept."""
    for path in [*home.iterdir(), *(home / INPUTS).iterdir()]:
        os.utime(path, (OLD, OLD))


def test_what_was_not_used_for_long_goes_when_another_is_made(make: Callable[[str], Stream]):
    old = make("the sky?")
    home = old.folder.parent
    run = old.link_into(home.parent / "run")
    age(home)
    new = make("the sea?")
    assert not old.folder.exists()
    assert Stream.load(new.folder).hash == new.hash
    assert len(list((home / INPUTS).glob("*.jsonl"))) == 1
    # The run has its own, and the stream can be made again.
    assert Stream.load(run).hash == old.hash
    again = make("the sky?")
    assert (again.hash, again.reused) == (old.hash, False)


def test_what_is_used_again_stays(make: Callable[[str], Stream]):
    used = make("the sky?")
    age(used.folder.parent)
    assert make("the sky?").reused
    make("the sea?")
    assert make("the sky?").reused


def test_a_stream_that_another_process_has_just_written_stays(make: Callable[[str], Stream]):
    written = make("the sky?")
    home = written.folder.parent
    for record in (home / INPUTS).glob("*.jsonl"):
        record.unlink()
    assert collect(home) == []
    assert collect(home, now=time.time() + (KEPT_DAYS + 1) * DAY) == [written.hash]


@pytest.mark.parametrize("damage", ["no record", "[]", "{}", ""])
def test_a_damaged_record_names_nothing(make: Callable[[str], Stream], damage: str):
    stream = make("the sky?")
    home = stream.folder.parent
    (record,) = (home / INPUTS).glob("*.jsonl")
    record.write_text(damage)
    os.utime(stream.folder, (OLD, OLD))
    assert collect(home) == [stream.hash]
