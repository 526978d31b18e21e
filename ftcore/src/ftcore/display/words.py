"""Numbers as people read them: durations, counts, sizes, rates."""

from __future__ import annotations

import time


def duration(seconds: float | None) -> str:
    """Return seconds as ``42 s``, ``3:07`` or ``1:02:07``."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(number: int) -> str:
    """Return a whole number with its thousands apart: ``12,345``."""
    return f"{number:,}"


def millions(number: int) -> str:
    """Return a number of parameters: ``4.9 M``, ``1.5 B``, or the plain number when small."""
    if number >= 1e9:
        return f"{number / 1e9:.2f} B"
    return f"{number / 1e6:.2f} M" if number >= 1e6 else count(number)


def figure(value: float | None, digits: int = 3) -> str:
    """Return a metric's value; a dash where it is undefined."""
    return "–" if value is None else f"{value:.{digits}f}"


def clock(moment: float) -> str:
    """Return seconds since the epoch as local ``2025-01-31 14:05``."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
