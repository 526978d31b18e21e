from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.errors import DataError, RecipeError
from ftcore.rendering.order import Order, plan_order, shuffled_rows

NUMBERS = {
    "rows": st.integers(1, 60),
    "batch_size": st.integers(1, 5),
    "accumulation": st.integers(1, 4),
    "world_size": st.integers(1, 4),
    "seed": st.integers(0, 2**32),
}


@given(epochs=st.integers(1, 4), **NUMBERS)
def test_every_row_once_an_epoch(epochs: int, rows: int, world_size: int, **numbers: int) -> None:
    order = (
        plan_order(rows, epochs=float(epochs), max_steps=None, world_size=world_size, **numbers)
        if rows * epochs >= world_size
        else None
    )
    if order is None:
        return
    assert len(order.rows) + order.left_over == rows * epochs
    for epoch in range(epochs):
        part = order.rows[epoch * rows : (epoch + 1) * rows]
        assert len(set(part.tolist())) == len(part)
        if epoch < epochs - 1 or order.left_over == 0:
            assert sorted(part.tolist()) == list(range(rows))
    assert order.left_over < world_size


@given(epochs=st.floats(0.1, 3), **NUMBERS)
def test_micro_batches(epochs: float, rows: int, **numbers: int) -> None:
    try:
        order = plan_order(rows, epochs=epochs, max_steps=None, **numbers)
    except RecipeError:
        return
    sizes = np.diff(order.offsets)
    world = numbers["world_size"]
    full = len(sizes) - world
    assert (sizes[:full] == numbers["batch_size"]).all()
    assert sizes.min() >= 1
    assert sizes[full:].max() - sizes[full:].min() <= 1
    assert order.offsets[-1] == len(order.rows)
    seen = []
    for number, (step, micro, rank, batch) in enumerate(order.iter_micro_batches()):
        assert number == order.number(step, micro, rank)
        assert batch.tolist() == order.micro_batch(step, micro, rank).tolist()
        seen += batch.tolist()
        assert step < order.steps
    assert seen == order.rows.tolist()


@given(max_steps=st.integers(1, 30), **NUMBERS)
def test_max_steps_gives_exactly_that_many_full_steps(max_steps: int, **numbers: int) -> None:
    order = plan_order(epochs=1.0, max_steps=max_steps, **numbers)
    assert order.steps == max_steps
    assert order.left_over == 0
    group = numbers["batch_size"] * numbers["accumulation"] * numbers["world_size"]
    assert len(order.rows) == max_steps * group


def test_equal_groups_whatever_the_division() -> None:
    """One batch of eight is eight of one, and two ranks of four: the same rows in a step."""
    shapes = [(8, 1, 1), (1, 8, 1), (4, 2, 1), (4, 1, 2), (2, 2, 2)]
    orders = [
        plan_order(
            40,
            batch_size=batch,
            accumulation=accumulation,
            world_size=world,
            epochs=2,
            max_steps=None,
            seed=3,
        )
        for batch, accumulation, world in shapes
    ]
    assert {order.steps for order in orders} == {10}
    assert len({order.rows.tobytes() for order in orders}) == 1
    assert len({order.digest() for order in orders}) == len(shapes)


def simple(rows: int = 10, **changes: object) -> Order:
    options = {
        "batch_size": 2,
        "accumulation": 2,
        "epochs": 1.5,
        "max_steps": None,
        "seed": 1,
        **changes,
    }
    return plan_order(rows, **options)


def test_a_group_straddles_epochs_and_only_the_last_is_partial() -> None:
    order = simple()
    assert np.diff(order.offsets).tolist() == [2] * 7 + [1]
    assert order.steps == 4
    first, second = order.rows[:10], order.rows[10:]
    assert sorted(first) == list(range(10))
    assert second.tolist() == shuffled_rows(10, 1, 1)[:5].tolist()
    assert first.tolist() != second.tolist()


def test_epoch_at() -> None:
    order = simple()
    assert [order.epoch_at(step) for step in range(5)] == [0.0, 0.4, 0.8, 1.2, 1.5]
    assert order.epoch_at(99) == 1.5


def test_the_last_round_of_several_ranks() -> None:
    order = simple(11, world_size=3, accumulation=1, epochs=1)
    assert np.diff(order.offsets).tolist() == [2, 2, 2, 2, 2, 1]
    order = simple(10, world_size=3, accumulation=1, epochs=1)
    assert np.diff(order.offsets).tolist() == [2, 2, 2, 2, 1, 1]
    order = simple(8, world_size=3, accumulation=1, epochs=1)
    assert np.diff(order.offsets).tolist() == [2, 2, 2]
    assert order.left_over == 2


def test_without_shuffling_and_by_seed() -> None:
    assert simple(4, shuffle=False, epochs=2).rows.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert simple(seed=1).digest() == simple(seed=1).digest()
    assert simple(seed=1).digest() != simple(seed=2).digest()


def test_a_known_shuffle_stays() -> None:
    """The order is part of the promise: it must not change with NumPy's version."""
    assert shuffled_rows(8, 42, 0).tolist() == [0, 1, 4, 2, 6, 5, 7, 3]


def test_longer_epochs_begin_with_shorter_ones() -> None:
    assert simple(epochs=3).rows[:10].tolist() == simple(epochs=1).rows.tolist()
    # Thirds add up although floating point says 0.9999999999999999.
    assert len(simple(epochs=0.1 + 0.7 + 0.2).rows) == 10


def test_save_and_load(tmp_path: Path) -> None:
    order = simple(11, world_size=2)
    path = tmp_path / "order.npz"
    order.save(path)
    loaded = Order.load(path)
    assert loaded.digest() == order.digest()
    assert (loaded.shape, loaded.left_over) == (order.shape, order.left_over)
    path.write_bytes(b"PK not an archive")
    with pytest.raises(DataError):
        Order.load(path)
    with pytest.raises(DataError):
        Order.load(tmp_path / "missing.npz")


@pytest.mark.parametrize("place", [(9, 0, 0), (0, 2, 0), (0, 0, 1), (-1, 0, 0), (3, 2, 0)])
def test_no_such_micro_batch(place: tuple[int, int, int]) -> None:
    with pytest.raises(IndexError):
        simple().micro_batch(*place)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"rows": 0}, DataError),
        ({"epochs": None}, RecipeError),
        ({"epochs": 0.0}, RecipeError),
        ({"epochs": float("nan")}, RecipeError),
        ({"epochs": float("inf")}, RecipeError),
        ({"batch_size": 0}, RecipeError),
        ({"max_steps": 0}, RecipeError),
        ({"rows": 2, "epochs": 1, "world_size": 4}, RecipeError),
    ],
)
def test_numbers_that_give_no_step(changes: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        simple(**changes)
