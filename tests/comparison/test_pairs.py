import math

from ftcore.comparison.pairs import Apart, apart, compare_pair


def test_equal_curves_are_not_apart():
    assert apart([1.0, None, 2.0], [1.0, None, 2.0]) == Apart()
    assert apart([], []).same


def test_the_largest_difference_and_the_first_step():
    found = apart([1.0, 2.0, 4.0], [1.0, 2.5, 3.0])
    assert found == Apart(1.0, 0.25, 2)
    assert not found.same


def test_what_is_missing_is_infinitely_far():
    assert apart([1.0], [1.0, 2.0]) == Apart(math.inf, math.inf, 2)
    assert apart([None], [1.0]).largest == math.inf


def test_a_pair_of_trainings(make_record):
    one, other = make_record("one"), make_record("other")
    assert compare_pair(one, other).same
    apart_now = compare_pair(one, make_record("third", values=1.5))
    assert not apart_now.same
    assert apart_now.first is None
    assert (apart_now.weights.differing, apart_now.weights.largest) == (2, 0.5)
