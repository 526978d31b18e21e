"""Win rates with their intervals, against published examples and Wilson's formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ftcore.judging.preference import Preference


def wilson(wins: int, rows: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share, from its closed form."""
    z, share = 1.959963984540054, wins / rows
    middle = share + z * z / (2 * rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return (middle - half) / (1 + z * z / rows), (middle + half) / (1 + z * z / rows)


@pytest.mark.parametrize(("wins", "losses"), [(15, 5), (5, 0), (50, 50), (1, 99)])
def test_without_ties_it_is_wilsons_interval(wins, losses):
    found = Preference.of(wins, 0, losses, differing=wins + losses)
    assert found.rate == wins / (wins + losses)
    assert (found.low, found.high) == pytest.approx(wilson(wins, wins + losses), abs=1e-9)


def test_published_example():
    """Fagerland et al. 2014, airway hyper-responsiveness: 1 and 7 of 21 pairs differ."""
    found = Preference.of(1, 13, 7, differing=21)
    assert (2 * found.low - 1, 2 * found.high - 1) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert found.p == pytest.approx(0.0391, abs=5e-5)
    assert found.better is False


def test_identical_answers_count_as_ties_in_proportion():
    whole = Preference.of(30, 0, 10, identical=60, differing=40)
    assert (whole.identical, whole.rate) == (60, 0.6)
    part = Preference.of(15, 0, 5, identical=60, differing=40)
    assert (part.identical, part.rate) == (30, 0.6)
    assert part.low < whole.low < 0.6 < whole.high < part.high
    only = Preference.of(0, 0, 0, identical=4)
    assert (only.rate, only.p, only.better) == (0.5, 1.0, None)


def test_nothing_judged():
    assert Preference.of(0, 0, 0, identical=3, differing=5).rate is None
    with pytest.raises(ValueError, match="6 verdicts on 5 rows"):
        Preference.of(6, 0, 0, differing=5)


@pytest.mark.parametrize(("won", "tied"), [(0.5, 0.0), (0.2, 0.6), (0.6, 0.2)])
def test_coverage_and_error_of_the_first_kind(won, tied):
    """95% intervals hold the truth 93 to 97 times of 100; a true tie is "better" 3 to 7 times."""
    chance = np.random.default_rng(1)
    drawn = chance.multinomial(100, [won, tied, 1 - won - tied], size=2000)
    found = [Preference.of(*map(int, row), differing=100) for row in drawn]
    truth = won + tied / 2
    covered = np.mean([item.low <= truth <= item.high for item in found])
    assert 0.93 <= covered <= 0.97
    if truth == 0.5:
        assert 0.03 <= np.mean([item.better is not None for item in found]) <= 0.07
