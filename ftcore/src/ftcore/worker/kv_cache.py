"""Keys and values of a batch: computed in passes, kept in place while answers grow.

Rows are aligned on the right: a row of n tokens takes the last n places of its tensors, and what
lies left of it is never attended to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer


def is_plain(network: Any) -> bool:
    """Whether the model keeps keys and values of all tokens, in every layer, and nothing else."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=network.config).layers)


@dataclass(frozen=True, slots=True)
class Rows:
    """Computed rows: by layer keys and values, [rows, heads, width, size], and rows' lengths."""

    layers: list[tuple[Any, Any]]
    lengths: list[int]

    def take(self, rows: Sequence[int]) -> Rows:
        """Return these rows, cut to the longest of them; a row may be taken more than once."""
        lengths = [self.lengths[row] for row in rows]
        width, longest = self.layers[0][0].shape[2], max(lengths)
        kept = torch.tensor(rows, device=self.layers[0][0].device)
        layers = [
            (k[:, :, width - longest :][kept], v[:, :, width - longest :][kept])
            for k, v in self.layers
        ]
        return Rows(layers, lengths)

    def with_lengths(self, lengths: list[int]) -> Rows:
        """Return the same tensors with less of some rows in use."""
        return Rows(self.layers, lengths)


def learned_beginning(network: Any) -> tuple[Any, Rows | None]:
    """Return the model, and as a row what a learned prompt or prefix puts before every prompt.

    Without one (or with an adapter of another kind) it is the model as it is, and None.
    """
    config = getattr(network, "active_peft_config", None)
    if config is None or not config.is_prompt_learning:
        return network, None
    base, learned = network.get_base_model(), network.get_prompt(batch_size=1)
    cache = learned if isinstance(learned, Cache) else DynamicCache(config=base.config)
    if cache is not learned:
        base(inputs_embeds=learned.to(base.dtype), past_key_values=cache, use_cache=True)
    layers = [(layer.keys, layer.values) for layer in cache.layers]
    return base, Rows(layers, [config.num_virtual_tokens])


def join(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, one after the other."""
    width = max(rows.layers[0][0].shape[2] for rows in parts)
    layers = [
        tuple(
            torch.cat([_widened(part, width) for part in side]) for side in zip(*same, strict=True)
        )
        for same in zip(*(rows.layers for rows in parts), strict=True)
    ]
    return Rows(layers, [length for rows in parts for length in rows.lengths])


def _widened(part: Any, width: int) -> Any:
    return torch.nn.functional.pad(part, (0, 0, width - part.shape[2], 0))


def extend(
    network: Any, before: Rows | None, ids: Sequence[tuple[int, ...]], pad_id: int
) -> tuple[Rows, Any]:
    """Compute ``ids`` after the rows ``before``; return the longer rows and the last logits.

    The logits are [rows, vocabulary], of each row's last token.
    """
    device, cache = network.device, DynamicCache(config=network.config)
    old = [0] * len(ids) if before is None else before.lengths
    fresh = [len(tokens) for tokens in ids]
    step, mask = left_padded(ids, pad_id, device)
    if before is not None:
        for index, (keys, values) in enumerate(before.layers):
            cache.layers[index].update(keys, values)
        mask = torch.cat([right_aligned(old, max(old), device), mask], dim=1)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -max(fresh) :]
    output = network(
        input_ids=step,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    layers = [(layer.keys, layer.values) for layer in cache.layers]
    lengths = [a + b for a, b in zip(old, fresh, strict=True)]
    if any(old) and min(fresh) < max(fresh):
        layers = _without_gaps(layers, mask, max(lengths))
    return Rows(layers, lengths), output.logits[:, -1]


def left_padded(ids: Sequence[tuple[int, ...]], pad_id: int, device: Any) -> tuple[Any, Any]:
    """Return token ids and mask, int64 [rows, longest], padded on the left."""
    lengths = [len(tokens) for tokens in ids]
    longest = max(lengths)
    padded = [[pad_id] * (longest - len(tokens)) + list(tokens) for tokens in ids]
    return torch.tensor(padded, device=device), right_aligned(lengths, longest, device)


def right_aligned(lengths: Sequence[int], width: int, device: Any) -> Any:
    """Return the mask, int64 [rows, width], of rows with these lengths."""
    starts = width - torch.tensor(lengths, device=device)[:, None]
    return (torch.arange(width, device=device)[None] >= starts).long()


def _without_gaps(layers: list[tuple[Any, Any]], mask: Any, width: int) -> list[tuple[Any, Any]]:
    """Move each row's tokens together, at the right end of ``width`` places."""
    # A stable sort by the mask puts the padding first and leaves the tokens in their order.
    places = mask.argsort(dim=1, stable=True)[:, -width:]
    rows = torch.arange(len(mask), device=mask.device)[:, None]
    return [
        tuple(part.transpose(1, 2)[rows, places].transpose(1, 2) for part in layer)
        for layer in layers
    ]


class InPlaceLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, with room for the whole answers, written in place."""

    def __init__(self, rows: int, capacity: int) -> None:
        super().__init__()
        self._shape = (rows, capacity)
        self._length = 0
        self._buffers: tuple[Any, Any] = (None, None)

    def fill(self, first: int, layer: tuple[Any, Any], width: int) -> None:
        """Put computed rows into the rows from ``first`` on, ending at ``width``."""
        if self._buffers[0] is None:
            rows, capacity = self._shape
            self._buffers = tuple(
                part.new_zeros((rows, part.shape[1], capacity, part.shape[3])) for part in layer
            )
            self.dtype, self.device = layer[0].dtype, layer[0].device
            self.is_initialized = True
        for buffer, part in zip(self._buffers, layer, strict=True):
            buffer[first : first + len(part), :, width - part.shape[2] : width] = part
        self._show(self._shape[0], width)

    def update(self, keys: Any, values: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Write one more place of the rows that are left; return all of theirs."""
        rows, end = len(keys), self._length + keys.shape[2]
        for buffer, part in zip(self._buffers, (keys, values), strict=True):
            buffer[:rows, :, self._length : end] = part
        self._show(rows, end)
        return self.keys, self.values

    def move(self, source: int, target: int) -> None:
        """Copy row ``source`` over row ``target``."""
        for buffer in self._buffers:
            buffer[target, :, : self._length] = buffer[source, :, : self._length]

    def _show(self, rows: int, length: int) -> None:
        self._length = length
        self.keys, self.values = (buffer[:rows, :, :length] for buffer in self._buffers)
