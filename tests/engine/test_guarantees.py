from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ftcore.engine.guarantees import (
    PLANNED,
    PLANNED_MODEL,
    ReceiptCheck,
    check_effective,
    planned_fields,
)
from ftcore.engine.prepare import Prepared
from ftcore.engine.settings import model_ref
from ftcore.errors import EffectiveConfigMismatch, ProtocolViolation, ReceiptMismatch
from ftcore.protocol import Receipt
from ftcore.rendering.order import plan_order


@pytest.fixture
def prepared(toy) -> Prepared:
    return toy.prepare()


def receipts(prepared: Prepared) -> list[Receipt]:
    due = prepared.stream.expected_receipts(prepared.order)
    return [Receipt(1, "train", step, micro, rank, digest) for step, micro, rank, digest in due]


def checked(prepared: Prepared, found: list[Receipt]) -> ReceiptCheck:
    check = ReceiptCheck(prepared.stream, prepared.order)
    for receipt in found:
        check(receipt)
    return check


def test_all_receipts(prepared: Prepared):
    check = checked(prepared, receipts(prepared))
    check.finish(prepared.order.steps, prepared.order)
    assert check.seen == check.planned == 10


@pytest.mark.parametrize("place", [0, 4, 9])
@pytest.mark.parametrize(
    "change", [{"digest": "00"}, {"step": 3, "micro": 1}, {"micro": 7}, {"rank": 1}]
)
def test_the_first_difference_is_named(prepared: Prepared, place: int, change: dict[str, Any]):
    found = receipts(prepared)
    found[place] = replace(found[place], **change)
    with pytest.raises(ReceiptMismatch, match=f"micro-batch {place + 1} ") as caught:
        checked(prepared, found)
    assert caught.value.details["expected"] == receipts(prepared)[place].digest


def test_ranks_may_be_ahead_of_each_other(toy):
    prepared = toy.prepare()
    order = plan_order(
        10, batch_size=2, accumulation=1, world_size=2, epochs=2, max_steps=None, seed=7
    )
    prepared = replace(prepared, order=order)
    found = sorted(receipts(prepared), key=lambda receipt: -receipt.rank)
    assert {receipt.rank for receipt in found} == {0, 1}
    checked(prepared, found).finish(prepared.order.steps, prepared.order)
    with pytest.raises(ReceiptMismatch, match="micro-batch 2 "):
        checked(prepared, [found[0], found[2]])


def test_two_in_the_wrong_order(prepared: Prepared):
    found = receipts(prepared)
    found[2], found[3] = found[3], found[2]
    with pytest.raises(ReceiptMismatch, match="micro-batch 3"):
        checked(prepared, found)


def test_one_too_many(prepared: Prepared):
    extra = replace(receipts(prepared)[0], step=-1, micro=-1)
    with pytest.raises(ReceiptMismatch, match="micro-batch 11"):
        checked(prepared, [*receipts(prepared), extra])


def test_too_few(prepared: Prepared):
    check = checked(prepared, receipts(prepared)[:-1])
    with pytest.raises(ReceiptMismatch, match="5 steps need 10 receipts, 9 were written"):
        check.finish(5, prepared.order)


def test_an_early_end_must_be_the_recipes_wish(prepared: Prepared):
    check = checked(prepared, receipts(prepared)[:4])
    with pytest.raises(ReceiptMismatch, match="did 2 of 5 planned steps"):
        check.finish(2, prepared.order)
    check.finish(2, prepared.order, early=True)
    with pytest.raises(ReceiptMismatch, match="3 steps need 6 receipts"):
        check.finish(3, prepared.order, early=True)


@pytest.mark.parametrize("steps", [0, 6])
def test_no_step_and_a_step_too_many_are_no_early_end(prepared: Prepared, steps: int):
    check = checked(prepared, receipts(prepared))
    with pytest.raises(ReceiptMismatch, match=f"did {steps} of 5"):
        check.finish(steps, prepared.order, early=True)


def check(prepared: Prepared, effective: Any) -> None:
    model = model_ref(prepared.loaded.recipe, str(prepared.model.folder))
    check_effective(effective, prepared.settings, model)


def planned(prepared: Prepared) -> dict[str, Any]:
    model = model_ref(prepared.loaded.recipe, str(prepared.model.folder))
    return planned_fields(prepared.settings, model)


def test_an_equal_configuration(prepared: Prepared):
    check(prepared, {"recipe_fields": planned(prepared)})


@pytest.mark.parametrize("field", sorted(PLANNED | PLANNED_MODEL))
def test_each_field_must_be_reported_and_equal(prepared: Prepared, field: str):
    fields = planned(prepared)
    for other in ("something else", -1):
        with pytest.raises(EffectiveConfigMismatch, match=f"{field}: planned") as caught:
            check(prepared, {"recipe_fields": {**fields, field: other}})
        assert caught.value.message.count("planned ") == 1
    del fields[field]
    with pytest.raises(EffectiveConfigMismatch, match="the engine used None"):
        check(prepared, {"recipe_fields": fields})


@pytest.mark.parametrize("effective", [None, [], {}, {"recipe_fields": []}, "x"])
def test_what_is_no_configuration(prepared: Prepared, effective: Any):
    with pytest.raises(ProtocolViolation, match="no recipe_fields"):
        check(prepared, effective)
