"""The shared generator: batched, begun together where prompts are alike, every field explicit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from ftcore.backends import Evaluator, Prediction, Request
from ftcore.protocol import Decoding, Stage
from ftcore.worker.attention import grouped_steps
from ftcore.worker.batching import common_prefix, plan_batches
from ftcore.worker.loading import load_for_generation


class SharedEvaluator(Evaluator):
    """Generates with ft's own loop, so that predictions compare between backends."""

    def load(self, stage: Stage) -> None:
        """Load the model and the stage's adapter."""
        self.network = load_for_generation(self.job.model, stage.adapter, self.job.device)

    def generate(
        self, stage: Stage, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[Prediction]:
        """Yield each prediction when it is finished, the longest prompts first."""
        yield from generate_all(self.network, requests, decoding)


def generate_all(
    network: Any, requests: Sequence[Request], decoding: Decoding
) -> Iterator[Prediction]:
    """Answer every request with ``network``, in batches of ``decoding.max_batch_tokens``.

    Greedy decoding takes the likeliest token by float32 logits at every step, as transformers'
    ``generate`` does on one row alone.
    """
    import torch

    from ftcore.worker.answering import BatchInPlace, PlainBatch, answers
    from ftcore.worker.kv_cache import extend, is_plain, learned_beginning

    with torch.inference_mode(), grouped_steps():
        network, begun = learned_beginning(network)
        plain = is_plain(network)
        # The places of a padded prompt may not mean the same to a model with another kind of cache.
        shared = common_prefix(requests) if plain else ()
        if shared:
            begun, _ = extend(network, begun, [shared], decoding.pad_id)
        size = {"budget": decoding.max_batch_tokens, "new_tokens": decoding.max_new_tokens}
        for batch in plan_batches(requests, common=len(shared), **size):
            if plain:
                rows: Any = BatchInPlace(network, batch, begun, len(shared), decoding)
            else:
                rows = PlainBatch(network, batch.requests, begun, decoding)
            yield from answers(rows, decoding, network.device)


class Throughput:
    """Counts generated tokens per second of one stage."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self.tokens = 0
        self.rows = 0

    def add(self, prediction: Prediction) -> None:
        """Count one prediction."""
        self.tokens += len(prediction.token_ids)
        self.rows += 1

    def summary(self) -> dict[str, float]:
        """Return rows, tokens, seconds (without loading the model) and tokens per second."""
        seconds = time.monotonic() - self._begin
        rate = self.tokens / seconds if seconds else 0.0
        return {
            "rows": self.rows,
            "tokens": self.tokens,
            "seconds": seconds,
            "tokens_per_second": rate,
        }
