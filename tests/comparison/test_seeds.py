"""Means and differences over seeds: against known figures, and against simulated ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ftcore.comparison.seeds import difference_over_seeds, mean_over_seeds
from ftcore.evaluation.resampling import Array


def share(sums: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def rows(*right: int, of: int = 20) -> list[Array]:
    """Runs with so many right answers, the first rows being right."""
    made = []
    for number in right:
        hit = (np.arange(of) < number).astype(float)
        made.append(np.stack([hit, np.ones(of)], axis=1))
    return made


def noisy(seeds: int, rng: np.random.Generator, of: int = 40, skill: float = 0.5) -> list[Array]:
    difficulty = rng.normal(0, 1.5, size=of)
    made = []
    for _ in range(seeds):
        chance = 1 / (1 + np.exp(-(difficulty + rng.normal(0, skill))))
        made.append(np.stack([rng.random(of) < chance, np.ones(of)], axis=1).astype(float))
    return made


def test_mean_and_spread_are_those_of_the_seeds() -> None:
    found = mean_over_seeds(rows(8, 10, 12), share, limits=(0, 1))
    assert found.value == pytest.approx(0.5)
    assert found.sd == pytest.approx(np.std([0.4, 0.5, 0.6], ddof=1))
    assert found.scores == pytest.approx((0.4, 0.5, 0.6))
    assert 0 <= found.interval.low < 0.5 < found.interval.high <= 1


def test_the_interval_stays_inside_the_limits() -> None:
    found = mean_over_seeds(rows(19, 20, 20), share, limits=(0, 1))
    assert found.interval.high == 1


def test_equal_seeds_leave_the_rows() -> None:
    found = mean_over_seeds(rows(10, 10, 10), share, limits=(0, 1))
    assert found.sd == 0
    # Of 20 yes/no rows, half right: the standard error with n - 1.
    assert found.row_error == pytest.approx(math.sqrt(0.25 / 19))
    assert found.interval.high - found.value > 1.9 * found.row_error


def test_one_seed_is_no_replication() -> None:
    with pytest.raises(ValueError, match="two or more seeds"):
        mean_over_seeds(rows(8), share)
    with pytest.raises(ValueError, match="two or more seeds"):
        difference_over_seeds(rows(8), rows(9, 10), share, matched=False)


def test_a_seed_on_other_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="same test rows"):
        mean_over_seeds([*rows(8), *rows(8, of=19)], share)


def test_never_bolder_than_welch() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(4)
    for _ in range(30):
        one, other = noisy(4, rng), noisy(5, rng)
        found = difference_over_seeds(one, other, share, matched=False)
        scores = [[float(share(run.sum(0))) for run in side] for side in (one, other)]
        welch = stats.ttest_ind(*scores, equal_var=False)
        assert found.p_value >= welch.pvalue - 1e-12
        assert found.difference == pytest.approx(np.mean(scores[1]) - np.mean(scores[0]))


def test_matched_is_the_t_test_within_seeds() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    one = noisy(5, rng, skill=2.0)
    other = noisy(5, rng, skill=2.0)
    found = difference_over_seeds(one, other, share, matched=True)
    scores = [[float(share(run.sum(0))) for run in side] for side in (one, other)]
    assert found.p_value >= stats.ttest_rel(*scores).pvalue - 1e-12


def test_the_same_counts_differ_in_nothing() -> None:
    found = difference_over_seeds(rows(8, 12), rows(8, 12), share, matched=True)
    assert (found.difference, found.p_value, found.low, found.high) == (0, 1, 0, 0)


def test_a_constant_step_is_judged_by_the_number_of_seeds() -> None:
    """Every row of every seed moves alike: no variance at all, so the sign test decides."""
    ones = [np.stack([np.zeros(10), np.ones(10)], axis=1)] * 3
    others = [np.stack([np.ones(10), np.ones(10)], axis=1)] * 3
    assert difference_over_seeds(ones, others, share, matched=True).p_value == 0.25
    assert difference_over_seeds(ones, others, share, matched=False).p_value == pytest.approx(0.1)


def test_a_clear_difference_is_found() -> None:
    rng = np.random.default_rng(0)
    good = rows(*rng.integers(30, 34, size=5), of=40)
    bad = rows(*rng.integers(8, 12, size=5), of=40)
    for matched in (True, False):
        found = difference_over_seeds(bad, good, share, matched=matched)
        assert found.p_value < 0.01
        assert 0 < found.low < found.difference < found.high
        assert 0 < found.detectable < found.difference


def test_an_undefined_seed_leaves_the_difference_undefined() -> None:
    empty = np.zeros((20, 2))
    found = difference_over_seeds([*rows(8), empty], rows(9, 10), share, matched=False)
    assert math.isnan(found.difference)
    assert math.isnan(found.p_value)
    assert math.isnan(mean_over_seeds([*rows(8), empty], share).value)


def test_nothing_is_rarely_called_a_difference() -> None:
    rng = np.random.default_rng(1)
    false = 0
    for _ in range(200):
        runs = noisy(10, rng)
        false += difference_over_seeds(runs[:5], runs[5:], share, matched=False).p_value < 0.05
    assert false / 200 <= 0.08
