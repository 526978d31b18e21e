"""The shared generator: batched, left-padded, every decoding field explicit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from ftcore.backends import Evaluator, Prediction, Request
from ftcore.protocol import Decoding, Stage
from ftcore.worker.greedy import greedy_batch
from ftcore.worker.loading import load_for_generation


class SharedEvaluator(Evaluator):
    """Generates with transformers' ``generate``, so that predictions compare between backends."""

    def generate(
        self, stage: Stage, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[Prediction]:
        """Yield predictions batch by batch, longest prompts first."""
        network = load_for_generation(self.job.model, stage.adapter, self.job.device)
        yield from generate_all(network, requests, decoding)


def generate_all(
    network: Any, requests: Sequence[Request], decoding: Decoding
) -> Iterator[Prediction]:
    """Answer every request with ``network``; longest prompts first, so memory peaks at once."""
    by_length = sorted(requests, key=lambda request: -len(request.prompt_ids))
    config = generation_config(decoding)
    for start in range(0, len(by_length), decoding.batch_size):
        yield from _batch(network, by_length[start : start + decoding.batch_size], decoding, config)


def generation_config(decoding: Decoding) -> Any:
    """Return transformers' configuration with nothing left to the model's own defaults."""
    from transformers import GenerationConfig

    sampling: dict[str, Any] = {}
    if decoding.do_sample:
        sampling = {
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "top_k": decoding.top_k,
        }
    return GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        do_sample=decoding.do_sample,
        num_beams=1,
        repetition_penalty=decoding.repetition_penalty,
        eos_token_id=list(decoding.stop_ids),
        pad_token_id=decoding.pad_id,
        use_cache=True,
        **sampling,
    )


def _batch(
    network: Any, requests: Sequence[Request], decoding: Decoding, config: Any
) -> Iterator[Prediction]:
    import torch

    longest = max(len(request.prompt_ids) for request in requests)
    ids = torch.full((len(requests), longest), decoding.pad_id)
    mask = torch.zeros_like(ids)
    for index, request in enumerate(requests):
        ids[index, longest - len(request.prompt_ids) :] = torch.tensor(request.prompt_ids)
        mask[index, longest - len(request.prompt_ids) :] = 1
    if not decoding.do_sample and decoding.repetition_penalty == 1.0:
        device = network.device
        yield from greedy_batch(network, requests, ids.to(device), mask.to(device), decoding)
        return
    if decoding.do_sample:
        torch.manual_seed(decoding.seed)
    with torch.inference_mode():
        output = network.generate(
            input_ids=ids.to(network.device),
            attention_mask=mask.to(network.device),
            generation_config=config,
        )
    for request, answer in zip(requests, output[:, longest:].tolist(), strict=True):
        yield _cut(request.row_id, answer, decoding)


def _cut(row_id: str, answer: list[int], decoding: Decoding) -> Prediction:
    """Cut the answer at the first stop token; what follows it is padding."""
    stops = set(decoding.stop_ids)
    for index, token in enumerate(answer):
        if token in stops:
            return Prediction(row_id, tuple(answer[:index]), "stop")
    return Prediction(row_id, tuple(answer), "length")


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
        """Return rows, tokens, seconds (model loading included) and tokens per second."""
        seconds = time.monotonic() - self._begin
        rate = self.tokens / seconds if seconds else 0.0
        return {
            "rows": self.rows,
            "tokens": self.tokens,
            "seconds": seconds,
            "tokens_per_second": rate,
        }
