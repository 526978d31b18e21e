"""Which requests are answered together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ftcore.backends import Request
from ftcore.worker.batching import (
    Batch,
    common_prefix,
    passes,
    plan_batches,
    prefill_tokens,
)
from ftcore.worker.prefixes import Group

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


def asked(lengths: list[int], begin: tuple[int, ...] = ()) -> list[Request]:
    """Return requests of these lengths that share ``begin`` and nothing else."""
    return [
        Request(str(n), (*begin, *(1000 * n + place for place in range(length))))
        for n, length in enumerate(lengths, 1)
    ]


@given(LENGTHS, st.integers(1, 400), st.integers(1, 30))
def test_a_batch_keeps_to_the_budget(lengths, budget, new_tokens):
    requests = asked(lengths)
    batches = plan_batches(requests, common=0, budget=budget, new_tokens=new_tokens)
    for batch in batches:
        places = len(batch.requests) * (batch.width + new_tokens)
        assert places <= budget or len(batch.requests) == 1
    found = [request.row_id for batch in batches for request in batch.requests]
    assert sorted(found) == sorted(request.row_id for request in requests)


@given(LENGTHS)
def test_the_widest_comes_first(lengths):
    batches = plan_batches(asked(lengths), common=0, budget=200, new_tokens=5)
    widths = [batch.width for batch in batches]
    assert widths == sorted(widths, reverse=True)


@given(LENGTHS)
def test_passes_are_similar_in_length_or_small(lengths):
    found = passes(lengths, lambda length: length)
    assert sorted(n for part in found for n in part) == sorted(lengths)
    for part in found:
        *others, last = part
        assert last >= 0.8 * part[0] or len(others) * part[0] < 256


def test_the_plan_does_not_depend_on_the_order_of_the_rows():
    requests = asked([5, 30, 30, 8, 55, 12])
    one, other = (
        plan_batches(order, common=0, budget=150, new_tokens=10)
        for order in (requests, requests[::-1])
    )
    assert one == other


def test_prompts_of_one_database_are_answered_together():
    schemas = [tuple(range(n, n + 100)) for n in (0, 1000, 2000)]
    # Lengths that would deal each batch rows of all three.
    requests = [
        Request(f"{s}-{n}", (*schema, *range(5000 + 50 * n, 5001 + 51 * n)))
        for s, schema in enumerate(schemas)
        for n in range(8)
    ]
    batches = plan_batches(requests, common=0, budget=8 * 130, new_tokens=20)
    assert [[group.prefix for group in batch.groups] for batch in batches] == [[100]] * 3
    assert sum(prefill_tokens(batch, 0) for batch in batches) < sum(
        len(request.prompt_ids) for request in requests
    )


def test_what_all_prompts_begin_with():
    begin = tuple(range(10))
    requests = asked([3, 4, 5], begin)
    assert common_prefix(requests) == begin
    assert common_prefix(requests[:1]) == ()
    assert common_prefix(asked([3, 4], begin[:3])) == ()


def test_tokens_to_compute_leave_out_the_common_beginning():
    one, other = asked([2, 4], tuple(range(10)))
    assert prefill_tokens(Batch((Group(10, (one, other)),)), 10) == 2 * 4
    assert prefill_tokens(Batch((Group(10, (one, other)),)), 0) == 10 + 2 * 4
