from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np

from ftcore.report.curves import COLOURS, Curves, moving_mean, smoothing_window, themed
from ftcore.runs.folder import RunFolder


def event(step: int, **data: Any) -> dict[str, Any]:
    return {"type": "metric", "stage": "train", "data": {"step": step, **data}}


def test_curves_come_from_the_metric_events(finished_run: RunFolder) -> None:
    curves = Curves.from_events(finished_run.read_lines("events.jsonl"))
    assert curves is not None
    assert len(curves.loss) == 47
    assert len(curves.learning_rate) == 48
    assert [step for step, _ in curves.validation_loss] == [12, 24, 36, 48]
    assert curves.gaps == 1
    assert curves.gaps_note() == "1 value was not finite and is left out."


def test_a_step_done_again_counts_as_it_was_done_last() -> None:
    curves = Curves.from_events([event(1, loss=2.0), event(2, loss=1.5), event(2, loss=1.0)])
    assert curves is not None
    assert curves.loss == ((1, 2.0), (2, 1.0))


def test_a_step_that_was_not_finite_and_then_was_is_no_gap() -> None:
    events = [event(1, loss=None, not_finite=["loss"]), event(1, loss=2.0)]
    curves = Curves.from_events([*events, event(1, validation_loss=2.5)])
    assert curves is not None
    assert curves.gaps == 0
    assert curves.gaps_note() == ""


def test_no_loss_is_no_curve() -> None:
    assert Curves.from_events([{"type": "heartbeat", "stage": None, "data": {}}]) is None


def test_the_picture_is_the_same_each_time_and_pyplot_stays_out(finished_run: RunFolder) -> None:
    curves = Curves.from_events(finished_run.read_lines("events.jsonl"))
    assert curves is not None
    had_pyplot = "matplotlib.pyplot" in sys.modules
    picture = curves.svg()
    ElementTree.fromstring(picture)
    assert picture == curves.svg()
    assert "validation loss" in picture
    assert ("matplotlib.pyplot" in sys.modules) is had_pyplot


def test_one_step_without_rate_or_norm_still_draws() -> None:
    curves = Curves.from_events([event(1, loss=2.0)])
    assert curves is not None
    assert "gradient norm" not in curves.svg()


def test_a_page_gives_the_picture_its_own_colours(finished_run: RunFolder) -> None:
    curves = Curves.from_events(finished_run.read_lines("events.jsonl"))
    assert curves is not None
    element = themed(curves.svg(), 'a "label"')
    ElementTree.fromstring(element)
    assert element.startswith('<svg role="img" aria-label="a &quot;label&quot;"')
    assert "var(--chart-train)" in element
    assert not any(colour in element for colour in COLOURS.values())
    assert "<metadata" not in element


def test_the_moving_mean_keeps_a_constant_and_its_length() -> None:
    values = np.full(50, 3.0)
    assert np.allclose(moving_mean(values, 5), values)
    assert smoothing_window(39) == 1
    assert smoothing_window(600) == 23
