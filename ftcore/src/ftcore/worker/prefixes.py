"""Finds groups of prompts that begin alike, so that the beginning is computed once a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ftcore.backends import Request

# A shorter beginning costs more in a pass of its own than it saves.
SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Group:
    """Requests whose prompts have their first ``prefix`` tokens in common; each has more."""

    prefix: int
    requests: tuple[Request, ...]


def common_length(prompts: Sequence[tuple[int, ...]]) -> int:
    """Return how many tokens all prompts begin with; every prompt keeps at least its last."""
    first, last = min(prompts), max(prompts)
    shortest = min(len(prompt) for prompt in prompts) - 1
    for place, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other or place == shortest:
            return place
    return shortest


def share_prefixes(requests: Sequence[Request]) -> list[Group]:
    """Part the requests into groups of which each computes its beginning once.

    From the leaves of the prompts' trie up, each node takes the groups below it into one where that
    saves no less: n prompts with k tokens in common save (n - 1) k. What all prompts have in common
    is a lower bound of what is saved.
    """
    ordered = sorted(requests, key=lambda request: request.prompt_ids)
    # The nodes that may still grow, each with more tokens in common than the one before it.
    growing = [_Node(0)]
    for request, following in zip(ordered, [*ordered[1:], None], strict=True):
        shared = 0
        if following is not None:
            shared = common_length([request.prompt_ids, following.prompt_ids])
        _hang(growing, [Group(0, (request,))], shared if shared >= SHORTEST else 0)
    return growing[0].groups


@dataclass(slots=True)
class _Node:
    """A node of the trie: how many tokens its prompts have in common, and the groups below it."""

    shared: int
    groups: list[Group] = field(default_factory=list)

    def finished(self) -> list[Group]:
        """Return the groups, those made one that save no more by themselves."""
        apart: list[Group] = []
        joined: list[Group] = []
        for group in self.groups:
            count = len(group.requests)
            (apart if (count - 1) * group.prefix > count * self.shared else joined).append(group)
        together = tuple(request for group in joined for request in group.requests)
        if together:
            apart.append(Group(self.shared if len(together) > 1 else 0, together))
        return apart


def _hang(growing: list[_Node], groups: list[Group], shared: int) -> None:
    """Hang ``groups`` in their place; the next prompt has ``shared`` tokens in common with them."""
    while growing[-1].shared > shared:
        growing[-1].groups += groups
        groups = growing.pop().finished()
    if growing[-1].shared < shared:
        growing.append(_Node(shared))
    growing[-1].groups += groups
