from dataclasses import replace

from ftcore.comparison.levels import Envelope, first_break, judge
from ftcore.comparison.pairs import compare_pair
from ftcore.comparison.record import Point

STRICT = Envelope(1e-6, 1e-6, "strict")


def levels(one, other, envelope=STRICT):
    found = judge([one, other], [compare_pair(one, other)], envelope)
    assert [level.name for level in found] == ["L0", "L1", "L2", "L3"]
    return {level.name: level for level in found}


def verdicts(one, other, envelope=STRICT):
    return [level.verdict for level in levels(one, other, envelope).values()]


def points(loss=2.0, norm=0.5, rate=1e-3):
    return tuple(Point(step + 1, loss, norm, rate) for step in range(4))


def test_the_same_bits(make_record):
    found = levels(make_record("one"), make_record("other"))
    assert {level.verdict for level in found.values()} == {"identical"}
    assert first_break(list(found.values())) is None
    assert found["L0"].sentence == "10 rows, one stream, one order"
    assert "the same to the bit" in found["L3"].sentence


def test_other_rows(make_record):
    one, other = make_record("one"), make_record("other")
    found = levels(one, replace(other, stream=replace(other.stream, hash="x" * 64)))
    assert found["L0"].verdict == "breaks"
    assert "xxxx" in found["L0"].sentence
    shuffled = replace(other.order, rows=other.order.rows[::-1])
    assert levels(one, replace(other, order=shuffled))["L0"].sentence.startswith("the planned")


def test_other_receipts(make_record):
    one, other = make_record("one"), make_record("other")
    places = sorted(other.receipts)
    receipts = other.receipts | {places[-1]: "x", (9, 0, 0): "y"}
    found = levels(one, replace(other, receipts=receipts))
    assert found["L1"].verdict == "breaks"
    assert found["L1"].sentence == (
        f"other consumed something else in 2 of {len(places)} micro-batches, from step 4 on"
    )
    assert found["L1"].numbers["first_other_step"] == {"other": 4}
    assert first_break(list(found.values())) == "L1"


def test_another_start(make_record):
    other = make_record("other", network={"trained": {}})
    assert levels(make_record("one"), other)["L2"].verdict == "breaks"
    trained = {
        "a.weight": {"dtype": "float32", "digest": "z"},
        "b.weight": {"dtype": "float32", "digest": "b.weight"},
    }
    found = levels(make_record("one"), make_record("other", network={"trained": trained}))
    assert "1 of 2 tensors" in found["L2"].sentence


def test_inside_the_envelope(make_record):
    one, other = make_record("one"), make_record("other", points=points(loss=2.0 + 5e-7))
    assert verdicts(one, other) == ["identical", "identical", "holds", "holds"]
    far = make_record("far", points=points(loss=2.1))
    assert verdicts(one, far) == ["identical", "identical", "breaks", "breaks"]
    assert verdicts(one, far, Envelope(0.2, None, "two seeds"))[2:] == ["holds", "holds"]


def test_gradient_norms_count_where_they_are_bounded(make_record):
    one, other = make_record("one"), make_record("other", points=points(norm=0.6))
    assert verdicts(one, other)[2:] == ["breaks", "breaks"]
    assert verdicts(one, other, Envelope(1e-6, None, "loss only"))[2:] == ["holds", "holds"]


def test_other_rates_always_break(make_record):
    one, other = make_record("one"), make_record("other", points=points(rate=2e-3))
    assert verdicts(one, other, Envelope(9.0, None, "wide"))[3] == "breaks"


def test_other_final_weights_alone_are_said(make_record):
    found = levels(make_record("one"), make_record("other", values=1.25))
    assert found["L3"].verdict == "holds"
    assert "2 of 2 final tensors up to 0.25" in found["L3"].sentence
    assert found["L3"].numbers["weights"] == 0.25
