"""A row's random numbers depend on nothing but the seed and the row."""

from __future__ import annotations

import numpy as np

from ftcore.worker.choosing import row_numbers

KNOWN = [0.450683239391666, 0.7882192574442081, 0.8143811571631518]


def test_the_numbers_never_change():
    found = row_numbers(0, "a row", 3).tolist()
    assert found == KNOWN


def test_a_longer_answer_begins_with_the_same_numbers():
    assert row_numbers(1, "a", 5).tolist() == row_numbers(1, "a", 9)[:5].tolist()


def test_rows_and_seeds_have_numbers_of_their_own():
    found = [row_numbers(seed, row, 4).tolist() for seed in (0, 1) for row in ("a", "b", "\udce9")]
    assert len({tuple(numbers) for numbers in found}) == len(found)


def test_they_are_even_over_the_unit_interval():
    numbers = np.concatenate([row_numbers(0, str(n), 100) for n in range(200)])
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts, _ = np.histogram(numbers, bins=20, range=(0, 1))
    # 1,000 expected in each; five standard deviations are 154.
    assert abs(counts - 1000).max() < 154
