"""Attention of one new token, in one way whatever release of transformers an engine brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

NAME = "sdpa"
# Other kinds of attention that transformers computes under the same name.
SPECIAL = ("softcap", "position_bias", "cache")


@contextmanager
def grouped_steps() -> Iterator[None]:
    """Let heads that share keys and values attend together where one token is new.

    Older releases repeat keys and values for every head instead, which takes longer and ends in
    other last bits: enough for a bfloat16 model to answer otherwise.
    """
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as FUNCTIONS

    theirs = FUNCTIONS[NAME]
    FUNCTIONS[NAME] = partial(_attend, theirs)
    try:
        yield
    finally:
        FUNCTIONS[NAME] = theirs


def _attend(
    theirs: Any,
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Any, None]:
    """Attend as transformers' own function does: [rows, 1, heads, size] for one new token.

    ``query`` is [rows, heads, 1, size], ``key`` and ``value`` [rows, groups of heads, places,
    size], ``attention_mask`` [rows, 1, 1, places] or None.
    """
    import torch

    shared = getattr(module, "num_key_value_groups", 1)
    by_head = attention_mask is not None and attention_mask.shape[1] != 1
    special = any(kwargs.get(name) is not None for name in SPECIAL)
    if shared == 1 or query.shape[2] != 1 or by_head or special:
        given: tuple[Any, None] = theirs(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return given
    rows, heads, _, size = query.shape
    attended = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(rows, heads // shared, shared, size),
        key,
        value,
        attn_mask=attention_mask,
        scale=scaling,
    )
    return attended.reshape(rows, 1, heads, attended.shape[-1]), None
