"""Yes/no metrics: the interval of a share, McNemar's test, the interval of a paired difference."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

# The number of rows that must differ, all to one side, before McNemar's mid-p falls below 5%.
_FEWEST_ROWS = 5


def share_interval(successes: int, rows: int, level: float = 0.95) -> tuple[float, float]:
    """Return the mid-p interval of ``successes`` of ``rows``, as two shares.

    The exact (Clopper-Pearson) limits with half the probability of the observed number in each
    tail, so that they cover about 95% and not more. Source: Berry and Armitage 1995.
    """
    tail = (1 - level) / 2
    low = _root(lambda share: _above(successes, rows, share) - tail) if successes else 0.0
    if successes == rows:
        return low, 1.0
    return low, _root(lambda share: tail - _below(successes, rows, share))


def mcnemar(lost: int, gained: int) -> float:
    """Return the two-sided mid-p value for rows that only one of two runs got right.

    Half the probability of what was observed counts as more extreme. Source: Fagerland,
    Lydersen and Laake 2013.
    """
    fewer, rows = min(lost, gained), lost + gained
    if lost == gained:
        return 1.0
    return min(1.0, 2 * _below(fewer, rows, 0.5))


def difference_interval(
    lost: int, gained: int, rows: int, level: float = 0.95
) -> tuple[float, float]:
    """Return the score interval of ``(gained - lost) / rows`` of paired yes/no rows.

    Its limits are the differences that the score test would just not reject. Source: Tango 1998.
    """
    limit = _normal_quantile((1 + level) / 2)
    return (
        _root(lambda delta: limit - _score(lost, gained, rows, delta), -1.0, 1.0),
        _root(lambda delta: -limit - _score(lost, gained, rows, delta), -1.0, 1.0),
    )


@lru_cache(maxsize=64)
def fewest_detectable(rows: int, power: float = 0.8) -> float:
    """Return the share of rows that must turn from no to yes, and none back, to be noticed.

    That is: for McNemar's test at 5% to reject with probability ``power``.
    """
    if rows < _FEWEST_ROWS:
        return 1.0
    from scipy.special import bdtrc  # type: ignore[import-untyped]

    return _root(lambda share: float(bdtrc(_FEWEST_ROWS - 1, rows, share)) - power)


def _score(lost: int, gained: int, rows: int, delta: float) -> float:
    """Return Tango's test statistic of the hypothesis that the difference is ``delta``."""
    a = 2 * rows
    b = -gained - lost + (2 * rows - gained + lost) * delta
    c = -lost * delta * (1 - delta)
    share = max((math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a), 0.0)
    variance = rows * (2 * share + delta * (1 - delta))
    top = gained - lost - rows * delta
    if variance <= 0:
        return math.copysign(math.inf, top) if top else 0.0
    return top / math.sqrt(variance)


def _below(number: int, rows: int, share: float) -> float:
    """Return the probability of fewer than ``number``, and half that of exactly ``number``."""
    from scipy.special import bdtr

    fewer = float(bdtr(number - 1, rows, share)) if number else 0.0
    return (fewer + float(bdtr(number, rows, share))) / 2


def _above(number: int, rows: int, share: float) -> float:
    return 1 - _below(number, rows, share)


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))


def _root(rising: Callable[[float], float], low: float = 0.0, high: float = 1.0) -> float:
    """Return where a rising function crosses 0, by halving."""
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
