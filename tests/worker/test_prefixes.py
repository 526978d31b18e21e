"""Groups of prompts that begin alike."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.backends import Request
from ftcore.worker import prefixes
from ftcore.worker.prefixes import SHORTEST, Group, common_length, share_prefixes

PROMPTS = st.lists(
    st.lists(st.integers(0, 1), min_size=1, max_size=6).map(tuple), min_size=1, max_size=8
)


def asked(prompts: list[tuple[int, ...]]) -> list[Request]:
    """Return a request for each prompt."""
    numbers = count()
    return [Request(str(next(numbers)), prompt) for prompt in prompts]


def computed(groups: list[Group]) -> int:
    """Return how many tokens are computed."""
    alone = sum(len(r.prompt_ids) - g.prefix for g in groups for r in g.requests)
    return alone + sum(group.prefix for group in groups)


@given(PROMPTS)
def test_at_least_what_all_have_in_common_is_saved(prompts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefixes, "SHORTEST", 1)
        groups = share_prefixes(asked(prompts))
    saved = sum(map(len, prompts)) - computed(groups)
    assert saved >= (len(prompts) - 1) * common_length(prompts)


@given(PROMPTS)
def test_every_request_is_in_one_group_and_begins_as_it_says(prompts):
    requests = asked(prompts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefixes, "SHORTEST", 1)
        groups = share_prefixes(requests)
    found = [request for group in groups for request in group.requests]
    assert sorted(r.row_id for r in found) == sorted(r.row_id for r in requests)
    for group in groups:
        assert len({r.prompt_ids[: group.prefix] for r in group.requests}) == 1
        assert all(len(r.prompt_ids) > group.prefix for r in group.requests)


def test_a_database_each():
    schemas = [tuple(range(n, n + 40)) for n in (0, 100, 200)]
    requests = asked([(7, 8, 9, *schema, 900 + n) for schema in schemas for n in range(5)])
    groups = share_prefixes(requests)
    assert [(group.prefix, len(group.requests)) for group in groups] == [(43, 5)] * 3


def test_what_is_alike_in_part_is_grouped_where_that_saves_more():
    common = tuple(range(10))
    alike = (*common, *range(100, 120))
    requests = asked([*((*alike, n) for n in range(4)), *((*common, 500 + n) for n in range(3))])
    groups = share_prefixes(requests)
    assert sorted((group.prefix, len(group.requests)) for group in groups) == [(10, 3), (30, 4)]


def test_a_short_beginning_is_no_gain():
    ids = tuple(range(SHORTEST - 1))
    groups = share_prefixes(asked([(*ids, 90), (*ids, 91)]))
    assert [group.prefix for group in groups] == [0, 0]


def test_equal_prompts_keep_their_last_token():
    prompt = tuple(range(20))
    assert common_length([prompt, prompt]) == 19
    assert common_length([prompt, prompt[:10]]) == 9


def test_a_long_chain_of_prompts_that_grow():
    requests = asked([tuple(range(n)) for n in range(10, 1500)])
    groups = share_prefixes(requests)
    assert sum(len(group.requests) for group in groups) == len(requests)
