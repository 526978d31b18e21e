"""Numbers as people read them: metrics, counts, sizes, times."""

from __future__ import annotations

import math
import time

MISSING = "–"
MINUS = "−"


def metric(value: float | None) -> str:
    """Return a metric's value: three decimals up to 1, three significant digits above."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value)
    if size == 0 or 0.001 <= size <= 1:
        text = f"{size:.3f}"
    elif size < 0.001:
        text = f"{size:.2g}"
    elif size < 100:
        text = _three(size)
    else:
        text = f"{size:,.0f}"
    return MINUS + text if value < 0 and float(text.replace(",", "")) else text


def signed(value: float | None) -> str:
    """Return a difference with its sign; zero has none."""
    text = metric(value)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.") else text


def interval(low: float | None, high: float | None) -> str:
    """Return ``low to high``, or nothing where there is no interval."""
    if low is None or high is None:
        return ""
    return f"{metric(low)} to {metric(high)}"


def signed_interval(low: float | None, high: float | None) -> str:
    """Return the interval of a difference, both ends with their sign."""
    if low is None or high is None:
        return ""
    return f"{signed(low)} to {signed(high)}"


def count(number: float) -> str:
    """Return a whole number with commas."""
    return f"{round(number):,}"


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Return ``1 row``, ``1,234 rows``."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def size(number: float) -> str:
    """Return a number of bytes in the largest binary unit that leaves at least 1."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{_three(number)} {unit}"
        number /= 1024
    return f"{number:.1f} GiB" if number < 1024 else f"{number / 1024:.1f} TiB"


def duration(seconds: float) -> str:
    """Return a time as ``0.42 s``, ``41 s``, ``3 min 12 s`` or ``2 h 05 min``."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(whole / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def moment(stamp: float) -> str:
    """Return a time stamp (seconds since 1970) in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(stamp))


def _three(number: float) -> str:
    """Return three significant digits, trailing zeros kept."""
    return f"{number:#.3g}".removesuffix(".") if number < 999.5 else f"{number:.0f}"
