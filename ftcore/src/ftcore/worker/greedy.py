"""Greedy decoding of a batch in which finished rows leave, so that no step is spent on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ftcore.backends import Prediction, Request
from ftcore.protocol import Decoding


def greedy_batch(
    network: Any, requests: Sequence[Request], ids: Any, mask: Any, decoding: Decoding
) -> Iterator[Prediction]:
    """Yield the greedy answer of each row of a left-padded batch, each when it is finished.

    ``ids`` and ``mask`` are int64 [rows, length] on the network's device. Token for token this is
    transformers' own greedy search: the likeliest token by float32 logits at every step.
    """
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=network.config)
    stops = set(decoding.stop_ids)
    alive = list(requests)
    answers: list[list[int]] = [[] for _ in requests]
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    step = ids
    with torch.inference_mode():
        for _ in range(decoding.max_new_tokens):
            output = network(
                input_ids=step,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            tokens = output.logits[:, -1].float().argmax(-1)
            staying = []
            for row, token in enumerate(tokens.tolist()):
                if token in stops:
                    yield Prediction(alive[row].row_id, tuple(answers[row]), "stop")
                else:
                    answers[row].append(token)
                    staying.append(row)
            if not staying:
                return
            mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
            positions = positions[:, -1:] + 1
            step = tokens[:, None]
            if len(staying) < len(alive):
                kept = torch.tensor(staying, device=mask.device)
                cache.batch_select_indices(kept)
                mask, positions, step = mask[kept], positions[kept], step[kept]
                alive = [alive[row] for row in staying]
                answers = [answers[row] for row in staying]
    for request, answer in zip(alive, answers, strict=True):
        yield Prediction(request.row_id, tuple(answer), "length")
