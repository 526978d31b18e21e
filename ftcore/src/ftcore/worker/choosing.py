"""Chooses each row's next token from its logits: the likeliest one, or one drawn by its own seed.

Nothing here depends on the other rows of a batch or on their order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ftcore.backends import Request
from ftcore.protocol import Decoding


def row_numbers(seed: int, row_id: str, count: int) -> NDArray[np.float64]:
    """Return ``count`` numbers in [0, 1) that depend on nothing but the seed and the row.

    Raw bits of Philox (Salmon et al., 2011), the upper 53 of each 64.
    """
    digest = hashlib.sha256(f"{seed}\0{row_id}".encode(errors="backslashreplace")).digest()
    bits = np.random.Philox(key=int.from_bytes(digest[:16], "little")).random_raw(count)
    return np.asarray(bits >> np.uint64(11), np.float64) * 2.0**-53


class Chooser:
    """Chooses the tokens of a batch's rows; rows leave it as they leave the batch."""

    def __init__(self, requests: Sequence[Request], decoding: Decoding, device: Any) -> None:
        import torch

        self._decoding, self._step = decoding, 0
        self._seen: Any = None
        self._prompts = [request.prompt_ids for request in requests]
        if decoding.do_sample:
            drawn = [
                row_numbers(decoding.seed, request.row_id, decoding.max_new_tokens)
                for request in requests
            ]
            # Not every accelerator has float64; the choice between two tokens survives float32.
            kind = torch.float32 if device.type == "mps" else torch.float64
            self._drawn = torch.tensor(np.array(drawn), dtype=kind, device=device)

    def choose(self, logits: Any) -> Any:
        """Return the next token of each row, int64 [rows], from logits [rows, vocabulary]."""
        logits, decoding = logits.float(), self._decoding
        if decoding.repetition_penalty != 1.0:
            logits = self._penalised(logits)
        tokens = self._draw(logits) if decoding.do_sample else logits.argmax(-1)
        self._step += 1
        if self._seen is not None:
            self._seen.scatter_(1, tokens[:, None], True)
        return tokens

    def keep(self, rows: Any) -> None:
        """Go on with the rows ``rows`` (int64) only, in that order."""
        if self._seen is not None:
            self._seen = self._seen[rows]
        if self._decoding.do_sample:
            self._drawn = self._drawn[rows]

    def _penalised(self, logits: Any) -> Any:
        """Divide positive logits of tokens seen before, multiply negative (Keskar et al., 2019)."""
        import torch

        if self._seen is None:
            self._seen = torch.zeros_like(logits, dtype=torch.bool)
            for row, prompt in enumerate(self._prompts):
                self._seen[row, torch.tensor(prompt, device=logits.device)] = True
        penalty = self._decoding.repetition_penalty
        weaker = torch.where(logits < 0, logits * penalty, logits / penalty)
        return torch.where(self._seen, weaker, logits)

    def _draw(self, logits: Any) -> Any:
        """Draw a token among the ``top_k`` likeliest that together reach ``top_p``."""
        import torch

        decoding = self._decoding
        values, order = (logits / decoding.temperature).sort(dim=-1, descending=True, stable=True)
        if decoding.top_k:
            values, order = values[:, : decoding.top_k], order[:, : decoding.top_k]
        chances = values.to(self._drawn.dtype).softmax(-1)
        sums = chances.cumsum(-1)
        # A token stays while those before it have not reached top_p; the likeliest always does.
        kept = sums - chances < decoding.top_p
        kept[:, 0] = True
        reach = torch.where(kept, sums, 0).amax(-1, keepdim=True)
        wanted = self._drawn[:, self._step, None] * reach
        place = (sums <= wanted).sum(-1, keepdim=True)
        last = kept.sum(-1, keepdim=True) - 1
        return order.gather(1, torch.minimum(place, last))[:, 0]
