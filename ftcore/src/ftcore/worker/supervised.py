"""Has logits computed only at the places after which a label follows: no loss reads the others.

For a small model with a large vocabulary they are much of a step's time and most of its memory.
Model and loss are the engine's own; it is asked for ``logits_to_keep``, as transformers' models
take it.
"""

from __future__ import annotations

import inspect
from typing import Any

from ftcore.protocol import TrainSettings
from ftcore.worker.effective import base_model
from ftcore.worker.stream import IGNORED


class SupervisedLogits:
    """Stands before a transformers `Trainer` among a class's bases and narrows what it asks for."""

    ft_settings: TrainSettings

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Compute the engine's loss on the logits that have a label."""
        trainer: Any = super()
        return trainer.compute_loss(model, self.narrowed(inputs), *args, **kwargs)

    def narrowed(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return a micro-batch that asks for no more logits than its labels need."""
        trainer: Any = self
        if not can_narrow(trainer.model, self.ft_settings):
            return inputs
        return {**inputs, "logits_to_keep": predicting(inputs["labels"])}


def can_narrow(network: Any, settings: TrainSettings) -> bool:
    """Whether the loss needs few logits, and the model can leave the others out."""
    if not settings.narrow_loss:
        return False
    return "logits_to_keep" in inspect.signature(base_model(network).forward).parameters


def predicting(labels: Any) -> Any:
    """Return the places, int64 [places], after which some row of ``labels`` has a label.

    ``labels`` are int64 [rows, length]. Without any label it is the first place: a loss of nothing.
    """
    found = (following(labels) != IGNORED).any(dim=0).nonzero().squeeze(1)
    return found if len(found) else found.new_zeros(1)


def following(labels: Any, places: Any | None = None) -> Any:
    """Return the labels that ``places`` (all, if None) predict: the next token's, int64 [rows, n].

    After the last place there is none (-100).
    """
    from torch.nn.functional import pad

    shifted = pad(labels, (0, 1), value=IGNORED)[:, 1:]
    return shifted if places is None else shifted[:, places]


def total_loss(logits: Any, wanted: Any) -> Any:
    """Return the negative log-likelihood in nats, summed over all labels in ``wanted``.

    ``logits`` [rows, places, vocabulary] predict ``wanted``, int64 [rows, places].
    """
    from torch.nn.functional import cross_entropy

    flat = logits.float().reshape(-1, logits.shape[-1])
    return cross_entropy(flat, wanted.reshape(-1), ignore_index=IGNORED, reduction="sum")


def as_labels(consumed: Any, places: Any, labels: Any) -> Any:
    """Return what a loss consumed, int64 [rows, places], as labels [rows, length].

    Every other label is -100, whatever ``labels`` has there, but for the first, which nothing
    predicts.
    """
    spread = labels.new_full(labels.shape, IGNORED)
    spread[:, 0] = labels[:, 0]
    inside = places < labels.shape[1] - 1
    spread[:, places[inside] + 1] = consumed[:, inside]
    return spread
