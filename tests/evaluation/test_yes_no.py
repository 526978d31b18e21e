from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from ftcore.evaluation.yes_no import (
    difference_interval,
    fewest_detectable,
    mcnemar,
    share_interval,
)


def test_published_example() -> None:
    """Airway reactivity before and after, 21 pairs (Fagerland, Lydersen and Laake 2013, 2014)."""
    assert mcnemar(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert difference_interval(7, 1, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("successes", "rows"), [(0, 10), (1, 7), (50, 100), (93, 100), (4, 4)])
def test_the_limits_have_a_tail_of_half(successes: int, rows: int) -> None:
    low, high = share_interval(successes, rows)
    half = stats.binom.pmf(successes, rows, [low, high]) / 2
    if successes:
        assert stats.binom.sf(successes, rows, low) + half[0] == pytest.approx(0.025)
    else:
        assert low == 0
    if successes < rows:
        assert stats.binom.cdf(successes - 1, rows, high) + half[1] == pytest.approx(0.025)
    else:
        assert high == 1


@pytest.mark.parametrize("rows", [100, 250])
def test_the_interval_covers_95_percent(rows: int) -> None:
    """Computed, not simulated: the sum of the probabilities of the results whose interval holds."""
    ends = np.array([share_interval(number, rows) for number in range(rows + 1)])
    for share in np.linspace(0.1, 0.9, 81):
        holds = (ends[:, 0] <= share) & (share <= ends[:, 1])
        coverage = stats.binom.pmf(np.arange(rows + 1), rows, share)[holds].sum()
        assert 0.94 <= coverage <= 0.962


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_mid_p_value(lost: int, gained: int) -> None:
    fewer, rows = min(lost, gained), lost + gained
    exact = stats.binomtest(fewer, rows).pvalue if rows else 1.0
    expected = exact - stats.binom.pmf(fewer, rows, 0.5) if lost != gained else 1.0
    assert mcnemar(lost, gained) == pytest.approx(expected)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200))
def test_the_difference_lies_inside_and_turns_round(lost: int, gained: int, same: int) -> None:
    rows = lost + gained + same + 1
    low, high = difference_interval(lost, gained, rows)
    assert -1 <= low <= (gained - lost) / rows <= high <= 1
    assert difference_interval(gained, lost, rows) == pytest.approx((-high, -low), abs=1e-9)


@given(st.integers(0, 150), st.integers(0, 150))
def test_what_the_test_rejects_the_interval_leaves_out(lost: int, gained: int) -> None:
    low, high = difference_interval(lost, gained, lost + gained + 20)
    if mcnemar(lost, gained) < 0.05:
        assert low > 0 or high < 0


def test_the_fewest_rows_that_show_anything() -> None:
    assert mcnemar(0, 4) > 0.05 > mcnemar(0, 5)
    share = fewest_detectable(100)
    assert stats.binom.sf(4, 100, share) == pytest.approx(0.8)
    assert fewest_detectable(4) == 1
