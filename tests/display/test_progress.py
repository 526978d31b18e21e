from __future__ import annotations

import json

from ftcore.display.plain import JsonLinesWatcher, PlainWatcher
from ftcore.display.progress import Tracker, remark


def test_time_left_counts_from_the_first_report(event):
    """Loading the model takes long and says nothing about the steps."""
    tracker = Tracker()
    tracker.update(event("started", 0.0))
    stage = tracker.update(event("progress", 100.0, done=1, total=11, unit="steps"))
    assert stage.seconds_left() is None
    stage = tracker.update(event("progress", 102.0, done=2, total=11, unit="steps"))
    assert stage.seconds_left() == 18.0
    assert stage.line() == "training: 2/11 steps, 18 s left"


def test_a_line_has_loss_and_speed(event):
    tracker = Tracker()
    tracker.update(event("progress", 1.0, done=1, total=2, unit="steps", tokens_per_second=99.6))
    stage = tracker.update(event("metric", 1.0, step=1, loss=0.5))
    assert stage.line() == "training: 1/2 steps, loss 0.5000, 100 tokens/s"
    tracker.update(event("metric", 1.0, step=1, validation_loss=0.25))
    assert stage.figures() == "loss 0.5000, validation 0.2500, 100 tokens/s"
    tracker.update(event("finished", 61.0))
    assert stage.line().startswith("training: done in 1 min 00 s, loss 0.5000")


def test_a_loss_that_is_no_number(event):
    stage = Tracker().update(event("metric", 1.0, step=1, loss=None, not_finite=["loss"]))
    assert stage.figures() == ""
    assert remark(event("metric", 1.0, step=1, validation_loss=None)) is None


def test_other_ranks_and_no_stage_are_left_out(event):
    tracker = Tracker()
    assert tracker.update(event("progress", 1.0, rank=1, done=1, total=2)) is None
    assert tracker.update(event("warning", 1.0, stage=None, message="x")) is None
    assert tracker.stages == {}


def test_a_stage_that_starts_again_starts_anew(event):
    tracker = Tracker()
    tracker.update(event("progress", 1.0, done=5, total=9))
    assert tracker.update(event("started", 2.0)).done == 0


def test_remarks(event):
    assert remark(event("warning", 1.0, message="look")) == "warning: look"
    assert remark(event("checkpoint", 1.0, step=4, path="x")) == "checkpoint at step 4"
    assert remark(event("metric", 1.0, step=4, validation_loss=0.5)) == (
        "step 4: validation loss 0.5000"
    )
    assert remark(event("heartbeat", 1.0)) is None


def test_plain_lines_come_now_and_then(event):
    lines: list[str] = []
    watcher = PlainWatcher(lines.append)
    watcher.event(event("started", 0.0))
    for step in range(1, 1001):
        moment = float(step)
        watcher.event(event("progress", moment, done=step, total=1000, unit="steps"))
        watcher.event(event("metric", moment, step=step, loss=1.0))
    watcher.event(event("finished", 1001.0))
    assert lines[0] == "training ..."
    assert lines[-1].startswith("training: done in 16 min 41 s")
    assert 30 < len(lines) < 40
    assert all("loss 1.0000" in line for line in lines[1:])


def test_a_short_stage_is_not_chatty(event):
    lines: list[str] = []
    watcher = PlainWatcher(lines.append)
    watcher.event(event("started", 0.0, "before"))
    for row in range(1, 101):
        watcher.event(event("progress", row / 50, "before", done=row, total=100, unit="rows"))
    watcher.event(event("finished", 2.0, "before"))
    assert lines == [
        "answering before training ...",
        "answering before training: done in 2 s",
    ]


def test_a_silent_engine_is_seen_to_live(event):
    lines: list[str] = []
    watcher = PlainWatcher(lines.append)
    watcher.event(event("started", 0.0))
    for beat in range(1, 9):
        watcher.event(event("heartbeat", beat * 15.0))
    assert lines == [
        "training ...",
        *(f"training ..., {t}" for t in ("30 s", "1 min 00 s", "1 min 30 s", "2 min 00 s")),
    ]


def test_json_lines(event):
    lines: list[str] = []
    watcher = JsonLinesWatcher(lines.append)
    watcher.phase("prepare")
    watcher.notice("x")
    watcher.started("/runs/a")
    watcher.event(event("metric", 1.0, step=1, loss=float("nan")))
    data = [json.loads(line) for line in lines]
    assert data[:3] == [{"phase": "prepare"}, {"notice": "x"}, {"run": "/runs/a"}]
    assert data[3]["event"]["data"] == {"step": 1, "loss": None}
