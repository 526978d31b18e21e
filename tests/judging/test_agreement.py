"""Krippendorff's alpha against the examples of its author's paper."""

from __future__ import annotations

import pytest

from ftcore.judging.agreement import agreement

# Krippendorff 2011, example B: two observers, two categories, ten units.
MEG = dict(enumerate("0100000010"))
OWEN = dict(enumerate("1110010000"))
# The same paper, example C and D: four observers, five categories, missing values (".").
FOUR = ("1233214 12...", "1233224 125.3", ".333234 2251.", "1233244 1251.")


def rated(text: str) -> dict[int, str]:
    return {n: value for n, value in enumerate(text.replace(" ", "")) if value != "."}


def test_two_observers():
    found = agreement({"Meg": MEG, "Owen": OWEN})
    assert found is not None
    assert found.alpha == pytest.approx(0.095, abs=5e-4)
    assert (found.rows, found.observed) == (10, 0.6)
    assert found.low < found.alpha < found.high


def test_four_observers_with_missing_values():
    found = agreement({str(n): rated(text) for n, text in enumerate(FOUR)})
    assert found is not None
    assert found.alpha == pytest.approx(0.743, abs=5e-4)
    assert found.rows == 11


def test_perfect_and_undefined():
    perfect = agreement({"a": MEG, "b": MEG})
    assert (perfect.alpha, perfect.observed) == (1.0, 1.0)
    same = agreement({"a": dict.fromkeys(range(5), "tie"), "b": dict.fromkeys(range(5), "tie")})
    assert (same.alpha, same.low, same.high, same.observed) == (None, None, None, 1.0)


def test_nothing_in_common():
    assert agreement({"a": {1: "x"}, "b": {2: "x"}}) is None


def test_chance_is_nought():
    import random

    chance = random.Random(0)
    verdicts = {name: {n: chance.choice("abt") for n in range(3000)} for name in "xyz"}
    found = agreement(verdicts)
    assert abs(found.alpha) < 0.03
    assert found.low < 0 < found.high
