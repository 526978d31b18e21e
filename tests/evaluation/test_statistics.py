from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.evaluation.statistics import (
    NO_DIFFERENCE,
    Array,
    Interval,
    bootstrap_interval,
    paired_difference,
)


def mean(sums: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def rows(values: list[float] | npt.NDArray[Any]) -> Array:
    return np.column_stack([np.asarray(values, dtype=float), np.ones(len(values))])


def test_the_interval_is_that_of_the_normal_law_for_many_rows() -> None:
    values = np.random.default_rng(0).normal(size=4000)
    interval = bootstrap_interval(rows(values), mean, resamples=4000, seed=1)
    half = 1.96 * values.std() / np.sqrt(4000)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_the_seed_decides() -> None:
    counts = rows([0.0, 1.0, 0.0, 1.0, 1.0, 0.3])
    assert bootstrap_interval(counts, mean, seed=3) == bootstrap_interval(counts, mean, seed=3)
    first = bootstrap_interval(rows(np.arange(50.0)), mean, seed=3)
    assert first != bootstrap_interval(rows(np.arange(50.0)), mean, seed=4)


def test_blocks_of_resamples_cover_large_tests() -> None:
    interval = bootstrap_interval(rows(np.arange(30_000.0)), mean, resamples=300, seed=0)
    assert interval.low < 14_999.5 < interval.high


def test_equal_rows_have_a_point_and_no_rows_have_none() -> None:
    assert bootstrap_interval(rows([1.0] * 5), mean, seed=0) == Interval(1.0, 1.0)
    empty = bootstrap_interval(np.empty((0, 2)), mean, seed=0)
    assert np.isnan(empty.low)
    assert np.isnan(empty.high)


def test_undefined_resamples_are_left_out() -> None:
    counts = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert bootstrap_interval(counts, mean, seed=0) == Interval(1.0, 1.0)


def test_a_clear_gain_is_higher() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(200) < 0.3
    after = before | (rng.random(200) < 0.5)
    result = paired_difference(rows(before), rows(after), mean, seed=0)
    assert result.words == "higher"
    assert result.significant
    assert result.better is True
    assert result.n == 200
    assert result.difference == pytest.approx(after.mean() - before.mean())
    assert 0 < result.low < result.difference < result.high
    worse = paired_difference(rows(after), rows(before), mean, seed=0)
    assert (worse.words, worse.better) == ("lower", False)
    assert worse.low == pytest.approx(-result.high)
    loss = paired_difference(rows(after), rows(before), mean, seed=0, higher_is_better=False)
    assert (loss.words, loss.better) == ("lower", True)


def test_no_gain_is_no_significant_difference() -> None:
    values = rows(np.random.default_rng(0).random(100))
    result = paired_difference(values, values, mean, seed=0)
    assert result.words == NO_DIFFERENCE == "no significant difference"
    assert not result.significant
    assert result.better is None
    assert (result.low, result.high) == (0.0, 0.0)


def test_pairing_narrows_the_interval() -> None:
    rng = np.random.default_rng(0)
    hard = rng.normal(size=300)
    before, after = rows(hard), rows(hard + 0.05 + 0.01 * rng.normal(size=300))
    assert paired_difference(before, after, mean, seed=0).significant
    shuffled = after[rng.permutation(300)]
    assert not paired_difference(before, shuffled, mean, seed=0).significant


def test_shapes_must_pair() -> None:
    with pytest.raises(ValueError, match="not paired"):
        paired_difference(rows([1.0]), rows([1.0, 2.0]), mean, seed=0)
    with pytest.raises(ValueError, match="shape"):
        bootstrap_interval(np.ones(3), mean, seed=0)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_intervals_cover_and_null_comparisons_stay_silent(share: float) -> None:
    rng = np.random.default_rng(7)
    covered = false_alarms = 0
    for seed in range(300):
        sample = rows(rng.random(100) < share)
        interval = bootstrap_interval(sample, mean, resamples=400, seed=seed)
        covered += interval.low <= share <= interval.high
        other = rows(rng.random(100) < share)
        false_alarms += paired_difference(sample, other, mean, resamples=400, seed=seed).significant
    assert 0.90 <= covered / 300 <= 0.985
    assert 0.015 <= false_alarms / 300 <= 0.10


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 2**32))
def test_the_interval_stays_within_the_rows(values: list[float], seed: int) -> None:
    interval = bootstrap_interval(rows(values), mean, resamples=50, seed=seed)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
