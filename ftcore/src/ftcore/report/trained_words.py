"""What is trained besides a low-rank adapter, in words."""

from __future__ import annotations

from collections.abc import Sequence


def trained_words(names: Sequence[str]) -> str:
    """Return words for ``names``, the beginnings of the trained parameters' names ([""]: all)."""
    layers = [name.rstrip(".").rsplit(".", 1)[-1] for name in names]
    if not any(layers):
        return "all weights of the model"
    return f"{'layer' if len(layers) == 1 else 'layers'} {', '.join(layers)} of the model"


def adapter_words(method: str, virtual_tokens: int | None) -> str:
    """Return words for what an adapter other than LoRA trains."""
    if virtual_tokens is None:
        return "factors on keys, values and the feed-forward layer"
    tokens = f"{virtual_tokens} virtual token{'' if virtual_tokens == 1 else 's'}"
    if method == "prefix_tuning":
        return f"keys and values of {tokens} in every layer"
    return f"the embeddings of {tokens} before every row"
