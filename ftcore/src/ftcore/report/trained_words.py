"""What is trained where no adapter is, in words."""

from __future__ import annotations

from collections.abc import Sequence


def trained_words(names: Sequence[str]) -> str:
    """Return words for ``names``, the beginnings of the trained parameters' names ([""]: all)."""
    layers = [name.rstrip(".").rsplit(".", 1)[-1] for name in names]
    if not any(layers):
        return "all weights of the model"
    return f"{'layer' if len(layers) == 1 else 'layers'} {', '.join(layers)} of the model"
