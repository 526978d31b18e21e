from __future__ import annotations

from dataclasses import replace
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
    corrected,
    holm,
    paired_difference,
)
from ftcore.evaluation.yes_no import difference_interval, mcnemar, share_interval


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


def test_equal_rows_have_a_point_and_few_rows_have_none() -> None:
    assert bootstrap_interval(rows([0.5] * 5), mean, seed=0) == Interval(0.5, 0.5)
    assert np.isnan(bootstrap_interval(rows([0.5]), mean, seed=0).low)
    empty = bootstrap_interval(np.empty((0, 2)), mean, seed=0)
    assert np.isnan(empty.low)
    assert np.isnan(empty.high)


def test_equal_rows_at_a_limit_leave_room_for_others() -> None:
    # 10 rows of 0: with more than 30.8% of others, none would be seen in under 2.5% of the cases.
    low, high = 0.0, 1 - 0.025**0.1
    found = bootstrap_interval(rows([0.0] * 10), mean, seed=0, limits=(0, 1))
    assert found == Interval(low, pytest.approx(high))
    found = bootstrap_interval(rows([100.0] * 10), mean, seed=0, limits=(0, 100))
    assert found == Interval(pytest.approx(100 * (1 - high)), 100.0)


def test_undefined_rows_are_left_out() -> None:
    counts = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert bootstrap_interval(counts, mean, seed=0) == Interval(1.0, 1.0)
    nothing = bootstrap_interval(np.zeros((5, 2)), mean, seed=0, limits=(0, 1))
    assert np.isnan(nothing.low)


def test_limits_bound_the_interval_and_make_it_lean_inwards() -> None:
    counts = rows([1.0] * 57 + [0.2, 0.4, 0.0])
    free = bootstrap_interval(counts, mean, seed=0)
    bounded = bootstrap_interval(counts, mean, seed=0, limits=(0, 1))
    value = counts[:, 0].mean()
    assert free.high > 1 > bounded.high > value > bounded.low
    assert value - bounded.low > bounded.high - value


def test_yes_no_rows_have_the_exact_interval() -> None:
    found = bootstrap_interval(rows([1.0] * 5 + [0.0] * 5), mean, seed=0, yes_no=True)
    assert found == Interval(*share_interval(5, 10))


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


def test_three_equal_gains_show_nothing_and_ten_do() -> None:
    # All rows differ by the same amount, so there is no spread: the sign test.
    few = paired_difference(rows([0.0] * 3), rows([0.5] * 3), mean, seed=0)
    assert (few.p_value, few.words) == (0.25, NO_DIFFERENCE)
    many = paired_difference(rows([0.0] * 10), rows([0.5] * 10), mean, seed=0)
    assert (many.p_value, many.words) == (2 / 1024, "higher")
    one = paired_difference(rows([0.0]), rows([1.0]), mean, seed=0)
    assert (one.p_value, one.words) == (1.0, NO_DIFFERENCE)
    assert np.isnan(one.low)


def test_nothing_to_compare_is_undefined() -> None:
    empty = paired_difference(np.empty((0, 2)), np.empty((0, 2)), mean, seed=0, yes_no=True)
    assert np.isnan([empty.difference, empty.p_value, empty.low, empty.detectable]).all()
    assert empty.words == NO_DIFFERENCE
    undefined = paired_difference(np.zeros((4, 2)), np.zeros((4, 2)), mean, seed=0)
    assert np.isnan([undefined.difference, undefined.p_value]).all()


def test_interval_and_p_value_agree() -> None:
    rng = np.random.default_rng(3)
    for seed in range(60):
        before = rng.random(40)
        after = np.clip(before + rng.normal(0.06, 0.2, 40), 0, 1)
        found = paired_difference(rows(before), rows(after), mean, resamples=500, seed=seed)
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)


def test_yes_no_metrics_are_compared_by_mcnemar() -> None:
    before, after = rows([1.0] * 3 + [0.0] * 27), rows([0.0] * 2 + [1.0] * 13 + [0.0] * 15)
    found = paired_difference(before, after, mean, seed=0, yes_no=True)
    assert found.p_value == pytest.approx(mcnemar(2, 12))
    assert found.words == "higher"
    assert (found.low, found.high) == difference_interval(2, 12, 30)
    # Four rows changed, all for the better: just not enough, so the interval holds 0.
    close = paired_difference(
        rows([0.0] * 30), rows([1.0] * 4 + [0.0] * 26), mean, seed=0, yes_no=True
    )
    assert (close.p_value, close.words, close.low) == (0.0625, NO_DIFFERENCE, 0.0)


def test_the_detectable_difference_shrinks_with_the_rows() -> None:
    rng, found = np.random.default_rng(0), []
    for size in (50, 200, 800):
        before, after = rows(rng.random(size)), rows(rng.random(size))
        found.append(paired_difference(before, after, mean, seed=0).detectable)
    assert found[0] / found[1] == pytest.approx(2, rel=0.25)
    assert found[1] / found[2] == pytest.approx(2, rel=0.25)
    same = rows([1.0, 0.0] * 50)
    assert paired_difference(same, same, mean, seed=0, yes_no=True).detectable > 0.05
    assert np.isnan(paired_difference(same, same, mean, seed=0).detectable)


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    rng, found, noticed = np.random.default_rng(1), [], 0
    for seed in range(200):
        before = rng.random(120)
        after = before + rng.normal(0.05, 0.2, 120)
        one = paired_difference(rows(before), rows(after), mean, resamples=300, seed=seed)
        found.append(one.detectable)
        noticed += one.significant
    assert np.mean(found) == pytest.approx(0.051, abs=0.003)
    assert 0.7 < noticed / 200 < 0.88


def test_holm() -> None:
    # Smallest times 4, next times 3, the others not below that; 1 at most.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    adjusted = holm([0.02, float("nan"), 0.9])
    assert adjusted[0] == 0.04
    assert np.isnan(adjusted[1])
    assert adjusted[2] == 0.9
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_never_lowers(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(raw <= new <= 1 for raw, new in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [adjusted[place] for place in order] == sorted(adjusted)


def test_correction_takes_back_what_may_be_luck() -> None:
    rng = np.random.default_rng(0)
    before = rows(rng.random(60))
    found = {
        f"m{number}": paired_difference(before, rows(rng.random(60)), mean, seed=0)
        for number in range(4)
    }
    nearly = replace(found["m0"], difference=0.1, p_value=0.02, low=0.01)
    directions: dict[str, bool | None] = dict.fromkeys([*found, "main", "none"], True) | {
        "none": None
    }
    decided = corrected(
        found | {"m0": nearly, "main": nearly, "none": replace(nearly, p_value=1e-4)},
        directions,
        alone="main",
    )
    assert (decided["main"].words, decided["main"].p_adjusted) == ("higher", 0.02)
    assert decided["m0"].words == NO_DIFFERENCE
    assert decided["m0"].p_adjusted == pytest.approx(0.08)
    assert (decided["none"].words, decided["none"].better) == ("higher", None)


def test_ratios_of_sums_keep_their_promise() -> None:
    """Micro F1 near 0.9 on 100 rows, the hardest case of benchmarks/intervals.py, in short."""
    rng, covered, false_alarms = np.random.default_rng(2), 0, 0

    def f1(sums: Array) -> Array:
        return np.asarray(2 * sums[..., 0] / (sums[..., 1] + sums[..., 2]))

    def sample(rows: int) -> Array:
        reference = np.where(rng.random(rows) < 0.6, 0, 1 + rng.poisson(1.0, rows))
        correct = rng.binomial(reference, 0.9)
        spurious = rng.poisson(0.08, rows)
        return np.stack([correct, correct + spurious, reference], axis=1).astype(float)

    truth = float(f1(sample(400_000).sum(axis=0)))
    for seed in range(300):
        first, second = sample(100), sample(100)
        found = bootstrap_interval(first, f1, resamples=400, seed=seed, limits=(0, 1))
        covered += found.low <= truth <= found.high
        compared = paired_difference(first, second, f1, resamples=400, seed=seed)
        false_alarms += compared.significant
    assert 0.915 <= covered / 300 <= 0.985
    assert 0.01 <= false_alarms / 300 <= 0.09


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


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(0, 2**32))
def test_the_interval_holds_the_value_and_keeps_the_limits(values: list[float], seed: int) -> None:
    interval = bootstrap_interval(rows(values), mean, resamples=50, seed=seed, limits=(0, 1))
    value = float(np.mean(values))
    assert 0 <= interval.low <= value + 1e-9
    assert value - 1e-9 <= interval.high <= 1
