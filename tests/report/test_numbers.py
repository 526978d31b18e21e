from __future__ import annotations

import pytest

from ftcore.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.000"),
        (0.61249, "0.612"),
        (1.0, "1.000"),
        (12.345, "12.3"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (0.00042, "0.00042"),
        (-0.25, "−0.250"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_metrics_have_three_decimals_or_digits(value: float | None, text: str) -> None:
    assert numbers.metric(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "+0.500"), (0.0, "0.000"), (-0.5, "−0.500")])
def test_differences_carry_their_sign_and_zero_none(value: float, text: str) -> None:
    assert numbers.signed(value) == text


def test_intervals_need_both_ends() -> None:
    assert numbers.interval(0.1, 0.25) == "0.100 to 0.250"
    assert numbers.signed_interval(-0.1, 0.25) == "−0.100 to +0.250"
    assert numbers.interval(None, 0.25) == numbers.signed_interval(0.1, None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.42 s"),
        (41.4, "41 s"),
        (192, "3 min 12 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_times_are_readable(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12 bytes"), (2048, "2.00 KiB"), (540_000_000, "515 MiB"), (3 * 2**30, "3.0 GiB")],
)
def test_sizes_are_binary(number: float, text: str) -> None:
    assert numbers.size(number) == text


def test_counts_have_commas_and_agree_with_their_noun() -> None:
    assert numbers.plural(1, "row") == "1 row"
    assert numbers.plural(12_345, "row") == "12,345 rows"
    assert numbers.plural(2, "entry", "entries") == "2 entries"
