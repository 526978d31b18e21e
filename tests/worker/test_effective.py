from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from ftcore.worker.effective import base_rate, plus_ratio


def optimizer(*rates: tuple[str, float]) -> dict[str, dict[str, float]]:
    return {name: {"initial_lr": rate} for name, rate in rates}


@pytest.mark.parametrize(
    ("planned", "rate_of_b", "found"),
    [
        (None, 1e-3, None),
        (16.0, 16.0 * 1e-3, 16.0),
        (3.0, 3.0 * 1e-3, 3.0),  # (3.0 * 1e-3) / 1e-3 is not 3.0
        (1.0, 1e-3, 1.0),
        (16.0, 1e-3, None),  # asked for and not done
        (None, 4e-3, 4.0),  # done and not asked for
        (16.0, 4e-3, 4.0),
    ],
)
def test_the_ratio_as_the_optimizer_has_it(make_settings, planned, rate_of_b, found):
    settings = make_settings(learning_rate=1e-3)
    settings = replace(settings, lora=replace(settings.lora, plus_ratio=planned))
    groups = optimizer(("a.lora_A.default.weight", 1e-3), ("a.lora_B.default.weight", rate_of_b))
    assert plus_ratio(groups, settings) == found


@pytest.mark.parametrize(
    ("groups", "rate"),
    [
        ([{"lr": 5e-4, "initial_lr": 1e-3}], 5e-4),
        ([{"lr": 8e-3, "initial_lr": 16e-3}, {"lr": 5e-4, "initial_lr": 1e-3}], 5e-4),
        ([{"lr": 2e-3}], 2e-3),
        ([{"lr": 2e-3, "initial_lr": 4e-3}], 2e-3),
    ],
)
def test_the_base_rate_is_that_of_the_plain_group(groups, rate):
    assert base_rate(SimpleNamespace(param_groups=groups), 1e-3) == rate
