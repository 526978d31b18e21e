"""The parts of the plain loop that need no torch; the rest is trained in tests/contract."""

from __future__ import annotations

import math

import pytest

from ftcore.worker.observation import plain_name
from ftcore.worker.plain_loop import schedule


def factors(settings):
    return [schedule(settings, step) for step in range(settings.steps)]


def test_schedules(make_settings):
    assert factors(make_settings(scheduler="constant")) == [1.0] * 4
    assert factors(make_settings(scheduler="linear")) == [1.0, 0.75, 0.5, 0.25]
    cosine = factors(make_settings(scheduler="cosine"))
    assert cosine == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2])


def test_warm_up_comes_first(make_settings):
    assert factors(make_settings(scheduler="constant", warmup_steps=2)) == [0.0, 0.5, 1.0, 1.0]
    assert factors(make_settings(scheduler="linear", warmup_steps=2)) == [0.0, 0.5, 1.0, 0.5]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("base_model.model.q_proj.lora_A.default.weight", "base_model.model.q_proj.lora_A.weight"),
        ("x.lora_magnitude_vector.default", "x.lora_magnitude_vector"),
        ("model.norm.weight", "model.norm.weight"),
    ],
)
def test_names_as_in_the_file_of_weights(name: str, plain: str):
    assert plain_name(name) == plain
