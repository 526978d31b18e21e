"""Plans which requests are answered together, and which of them begin alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ftcore.backends import Request
from ftcore.worker.prefixes import SHORTEST, Group, common_length, share_prefixes

T = TypeVar("T")

# Rows of one pass are padded to its longest: a shorter row than this share of it begins another
# pass, unless the pass is too small to be worth its own reading of the weights.
LEAST_FILLED = 0.8
SMALL_PASS = 256
# A group has to save this many tokens to be worth a pass for its beginning.
LEAST_SAVED = 64


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests answered together, in groups whose prompts begin alike."""

    groups: tuple[Group, ...]

    @property
    def requests(self) -> list[Request]:
        """The requests in the order of the batch's rows."""
        return [request for group in self.groups for request in group.requests]

    @property
    def width(self) -> int:
        """Tokens of the longest prompt."""
        return max(len(request.prompt_ids) for request in self.requests)


def common_prefix(requests: Sequence[Request]) -> tuple[int, ...]:
    """Return the tokens that all prompts begin with; () where computing them once is no gain."""
    if len(requests) < 2:
        return ()
    shared = common_length([request.prompt_ids for request in requests])
    return requests[0].prompt_ids[:shared] if shared >= SHORTEST else ()


def plan_batches(
    requests: Sequence[Request], *, common: int, budget: int, new_tokens: int
) -> list[Batch]:
    """Return the batches, the widest first, so that memory peaks at once.

    ``common`` is how many tokens all prompts begin with and ``budget`` the most token places that
    a batch may hold: rows times padded prompt and longest answer. One row is always allowed.
    Of two orders, by length and by what prompts share, the one with less to compute is taken.
    """
    by_length = sorted(requests, key=lambda r: (-len(r.prompt_ids), r.prompt_ids))
    groups = [
        sorted(g.requests, key=lambda r: -len(r.prompt_ids)) for g in share_prefixes(requests)
    ]
    groups.sort(key=lambda group: -len(group[0].prompt_ids))
    by_prefix = [request for group in groups for request in group]
    plans = [
        [_grouped(part, common) for part in _cut(order, budget, new_tokens)]
        for order in (by_length, by_prefix)
    ]
    best = min(plans, key=lambda plan: sum(prefill_tokens(batch, common) for batch in plan))
    return sorted(best, key=lambda batch: -batch.width)


def prefill_tokens(batch: Batch, common: int) -> int:
    """Return the token places to compute before the first answers, padding included."""
    prefixes = [group.prefix - common for group in batch.groups if group.prefix > common]
    rests = [len(r.prompt_ids) - g.prefix for g in batch.groups for r in g.requests]
    return sum(len(part) * part[0] for n in (prefixes, rests) for part in passes(n, lambda x: x))


def passes(items: Sequence[T], length: Callable[[T], int]) -> list[list[T]]:
    """Part ``items`` into passes of similar length, each with its longest first."""
    found: list[list[T]] = []
    for item in sorted(items, key=length, reverse=True):
        longest = length(found[-1][0]) if found else 0
        similar = length(item) >= LEAST_FILLED * longest
        if found and (similar or len(found[-1]) * longest < SMALL_PASS):
            found[-1].append(item)
        else:
            found.append([item])
    return found


def _cut(order: Sequence[Request], budget: int, new_tokens: int) -> Iterator[list[Request]]:
    """Cut the order where a batch, padded to its longest prompt, would be too big."""
    part: list[Request] = []
    longest = 0
    for request in order:
        longest = max(longest, len(request.prompt_ids))
        if part and (len(part) + 1) * (longest + new_tokens) > budget:
            yield part
            part, longest = [], len(request.prompt_ids)
        part.append(request)
    if part:
        yield part


def _grouped(requests: list[Request], common: int) -> Batch:
    groups = [
        group
        for group in share_prefixes(requests)
        if (len(group.requests) - 1) * (group.prefix - common) >= LEAST_SAVED
    ]
    inside = {id(request) for group in groups for request in group.requests}
    alone = tuple(request for request in requests if id(request) not in inside)
    return Batch((*groups, Group(common, alone)) if alone else tuple(groups))
