"""The rows of a batch while they are answered; finished rows leave, and cost nothing from then on.

`BatchInPlace` shares what prompts begin with and never copies its cache; it serves models that keep
keys and values of all tokens. `PlainBatch` serves all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from transformers import DynamicCache

from ftcore.backends import Prediction, Request
from ftcore.protocol import Decoding
from ftcore.worker.batching import Batch, passes
from ftcore.worker.choosing import Chooser
from ftcore.worker.kv_cache import InPlaceLayer, Rows, extend, join, left_padded, right_aligned


class OpenBatch(Protocol):
    """A batch whose prompts are computed: ``logits`` [rows, vocabulary] of their last tokens."""

    requests: list[Request]
    logits: Any

    def leave(self, staying: list[int]) -> list[int]:
        """Let all rows but ``staying`` leave; return which row is now at each place."""

    def step(self, tokens: Any) -> Any:
        """Append a token (int64 [rows]) to every row; return the logits that follow."""


def answers(batch: OpenBatch, decoding: Decoding, device: Any) -> Iterator[Prediction]:
    """Yield the answer of each row, each when it is finished."""
    chooser = Chooser(batch.requests, decoding, device)
    stops, alive, logits = set(decoding.stop_ids), list(batch.requests), batch.logits
    found: list[list[int]] = [[] for _ in alive]
    for left in reversed(range(decoding.max_new_tokens)):
        tokens = chooser.choose(logits)
        staying = []
        for row, token in enumerate(tokens.tolist()):
            if token in stops:
                yield Prediction(alive[row].row_id, tuple(found[row]), "stop")
            else:
                found[row].append(token)
                staying.append(row)
        if not staying:
            return
        if len(staying) < len(alive):
            order = batch.leave(staying)
            kept = torch.tensor(order, device=device)
            tokens = tokens[kept]
            chooser.keep(kept)
            alive, found = [alive[row] for row in order], [found[row] for row in order]
        if left:
            logits = batch.step(tokens)
    for request, answer in zip(alive, found, strict=True):
        yield Prediction(request.row_id, tuple(answer), "length")


class BatchInPlace:
    """A batch of groups that begin alike, its cache allocated once.

    ``begun`` is what stands before every prompt of the job: a learned prefix, if any, and the first
    ``shared`` tokens of the prompts.
    """

    def __init__(
        self, network: Any, batch: Batch, begun: Rows | None, shared: int, decoding: Decoding
    ) -> None:
        self._network, self._pad_id, self._shared = network, decoding.pad_id, shared
        self._learned = begun.lengths[0] - shared if begun else 0
        self._end = self._learned + batch.width
        room = self._end + decoding.max_new_tokens
        self._cache = DynamicCache(config=network.config)
        self._cache.layers = [InPlaceLayer(len(batch.requests), room) for _ in self._cache.layers]
        self.requests: list[Request] = []
        self.logits = torch.cat(list(self._prefill(batch, begun)))
        lengths = [self._learned + len(request.prompt_ids) for request in self.requests]
        mask = right_aligned(lengths, self._end, network.device)
        answer = mask.new_ones(len(lengths), decoding.max_new_tokens)
        self._mask = torch.cat([mask, answer], dim=1)
        self._positions = torch.tensor(lengths, device=network.device)[:, None]

    def _prefill(self, batch: Batch, begun: Rows | None) -> Iterator[Any]:
        """Compute the prompts in passes of similar length; yields the last logits of each pass."""
        prefixes = self._prefixes(batch, begun)
        rows = [(place, r) for place, group in enumerate(batch.groups) for r in group.requests]

        def rest(row: tuple[int, Request]) -> int:
            return len(row[1].prompt_ids) - batch.groups[row[0]].prefix

        for part in passes(rows, rest):
            before = prefixes.take([place for place, _ in part]) if prefixes else None
            ids = [r.prompt_ids[batch.groups[place].prefix :] for place, r in part]
            computed, logits = extend(self._network, before, ids, self._pad_id)
            for layer, tensors in zip(self._cache.layers, computed.layers, strict=True):
                layer.fill(len(self.requests), tensors, self._end)
            self.requests += [request for _, request in part]
            yield logits

    def _prefixes(self, batch: Batch, begun: Rows | None) -> Rows | None:
        """Return a computed row a group, of what its prompts begin with; None where none do."""
        longer = [p for p, group in enumerate(batch.groups) if group.prefix > self._shared]
        if not longer:
            return begun.take([0] * len(batch.groups)) if begun else None
        order: list[int] = []
        computed = []
        for part in passes(longer, lambda place: batch.groups[place].prefix):
            before = begun.take([0] * len(part)) if begun else None
            groups = [batch.groups[place] for place in part]
            ids = [group.requests[0].prompt_ids[self._shared : group.prefix] for group in groups]
            computed.append(extend(self._network, before, ids, self._pad_id)[0])
            order += part
        # A group without more in common takes the common beginning, and where there is none either
        # nothing of any row.
        made = join([*computed, begun]) if begun else join(computed)
        spare = len(order) if begun else 0
        rows = [order.index(p) if p in order else spare for p in range(len(batch.groups))]
        lengths = [self._learned + group.prefix for group in batch.groups]
        return made.take(rows).with_lengths(lengths)

    def leave(self, staying: list[int]) -> list[int]:
        """Fill the places of rows that leave with the last rows that stay."""
        count = len(staying)
        free = [place for place in range(count) if place not in set(staying)]
        order = list(range(count))
        for place, row in zip(free, [row for row in staying if row >= count], strict=True):
            order[place] = row
            for layer in self._cache.layers:
                layer.move(row, place)
        kept = torch.tensor(order, device=self._mask.device)
        self._mask, self._positions = self._mask[kept], self._positions[kept]
        return order

    def step(self, tokens: Any) -> Any:
        """Append a token to every row."""
        self._end += 1
        output = self._network(
            input_ids=tokens[:, None],
            attention_mask=self._mask[:, : self._end],
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._positions = self._positions + 1
        return output.logits[:, -1]


class PlainBatch:
    """A batch with the cache that the model's own family has."""

    def __init__(
        self, network: Any, requests: Sequence[Request], begun: Rows | None, decoding: Decoding
    ) -> None:
        self._network, self.requests = network, list(requests)
        self._cache = DynamicCache(config=network.config)
        prompts = [request.prompt_ids for request in requests]
        ids, self._mask = left_padded(prompts, decoding.pad_id, network.device)
        width = ids.shape[1]
        if begun:
            for index, layer in enumerate(begun.take([0] * len(prompts)).layers):
                self._cache.layers[index].update(*layer)
            first = self._mask.new_ones(len(prompts), begun.lengths[0])
            self._mask = torch.cat([first, self._mask], dim=1)
        self._positions = (self._mask.cumsum(-1) - 1).clamp(min=0)[:, -width:]
        self.logits = self._forward(ids)

    def leave(self, staying: list[int]) -> list[int]:
        """Take the other rows out of the cache."""
        kept = torch.tensor(staying, device=self._mask.device)
        self._cache.batch_select_indices(kept)
        self._mask, self._positions = self._mask[kept], self._positions[kept]
        return staying

    def step(self, tokens: Any) -> Any:
        """Append a token to every row."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        self._positions = self._positions[:, -1:] + 1
        return self._forward(tokens[:, None])

    def _forward(self, ids: Any) -> Any:
        output = self._network(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]
