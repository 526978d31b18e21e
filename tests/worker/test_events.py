from __future__ import annotations

import json
import math
import threading
import time
from pathlib import Path

import pytest

from ftcore.protocol import Event, Receipt, decode, parse
from ftcore.worker.events import EventWriter, LineFile


def lines(path: Path) -> list[dict[str, object]]:
    return [parse(line) for line in path.read_bytes().split(b"\n") if line]


def test_events_are_numbered_whole_lines(tmp_path: Path):
    writer = EventWriter(tmp_path, rank=0)
    writer.emit("started", kind="train")
    writer.stage = "train"
    writer.emit("metric", loss=0.5, note="\u2028 \ud800 ☃")
    writer.close()
    first, second = (decode(Event, line) for line in lines(tmp_path / "events.jsonl"))
    assert (first.sequence, first.stage, first.data) == (0, None, {"kind": "train"})
    assert (second.sequence, second.stage, second.rank) == (1, "train", 0)
    assert second.data == {"loss": 0.5, "note": "\u2028 \ud800 ☃"}
    assert first.time <= second.time <= time.time()


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path: Path):
    writer = EventWriter(tmp_path, rank=0)
    writer.emit("started")
    assert len(lines(tmp_path / "events.jsonl")) == 1
    writer.receipt("train", 2, 1, "ab")
    (line,) = lines(tmp_path / "receipts.jsonl")
    assert decode(Receipt, line) == Receipt(1, "train", 2, 1, 0, "ab")
    writer.close()


def test_numbers_that_are_not_finite_are_named(tmp_path: Path):
    writer = EventWriter(tmp_path, rank=0)
    writer.emit("metric", loss=math.nan, grad_norm=math.inf, low=-math.inf, step=3, text="nan")
    writer.close()
    (line,) = lines(tmp_path / "events.jsonl")
    data = decode(Event, line).data
    assert data["not_finite"] == ["loss", "grad_norm", "low"]
    assert (data["loss"], data["grad_norm"], data["low"], data["step"]) == (None, None, None, 3)


def test_every_rank_has_its_own_files(tmp_path: Path):
    for rank in range(2):
        writer = EventWriter(tmp_path, rank)
        writer.emit("started")
        writer.receipt("train", 0, 0, "ab")
        writer.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "events.jsonl",
        "events.rank1.jsonl",
        "receipts.jsonl",
        "receipts.rank1.jsonl",
    ]
    assert lines(tmp_path / "events.rank1.jsonl")[0]["rank"] == 1


def test_many_threads_write_whole_lines_in_order(tmp_path: Path):
    writer = EventWriter(tmp_path, rank=0)

    def write() -> None:
        for number in range(50):
            writer.emit("progress", done=number, text="x" * 5000)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = [decode(Event, line) for line in lines(tmp_path / "events.jsonl")]
    assert [event.sequence for event in found] == list(range(200))


def test_silence_has_a_heartbeat_until_the_end(tmp_path: Path):
    writer = EventWriter(tmp_path, rank=0, heartbeat_seconds=0.02)
    deadline = time.monotonic() + 10
    while not (tmp_path / "events.jsonl").stat().st_size:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    writer.close()
    count = len(lines(tmp_path / "events.jsonl"))
    time.sleep(0.1)
    found = lines(tmp_path / "events.jsonl")
    assert len(found) == count
    assert {line["type"] for line in found} == {"heartbeat"}


def test_what_is_no_json_is_the_backends_defect(tmp_path: Path):
    file = LineFile(tmp_path / "x.jsonl")
    with pytest.raises(TypeError):
        file.append({"a": object()})
    file.append({"a": 1})
    file.close()
    assert json.loads((tmp_path / "x.jsonl").read_text()) == {"a": 1}


def test_numbers_go_on_where_an_earlier_worker_stopped(tmp_path: Path):
    for _ in range(3):
        writer = EventWriter(tmp_path, rank=0)
        writer.emit("started")
        writer.close()
    found = [decode(Event, line) for line in lines(tmp_path / "events.jsonl")]
    assert [event.sequence for event in found] == [0, 1, 2]
