"""Validation loss by tokens, the same for every engine built on transformers' `Trainer`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ftcore.protocol import TrainSettings
from ftcore.rendering.digests import batch_digest, row_digest
from ftcore.worker.stream import IGNORED, pad_rows
from ftcore.worker.supervised import can_narrow, following, predicting, total_loss
from ftcore.worker.world import total


class TokenValidation:
    """Stands before a transformers `Trainer` among a class's bases and measures by tokens.

    The engines' own validation loss is a mean of batch means, which depends on the batch size.
    """

    ft_settings: TrainSettings

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure the loss on the validation rows, log it and tell the callbacks."""
        from ftcore.worker.hf_trainer import EventCallback

        trainer: Any = self
        callbacks = trainer.callback_handler.callbacks
        events = next(found for found in callbacks if isinstance(found, EventCallback))
        loss = validation_loss(
            trainer.model,
            trainer.eval_dataset,
            self.ft_settings,
            trainer.compute_loss_context_manager,
            rank=trainer.args.process_index,
            ranks=trainer.args.world_size,
            record=partial(events.validated, trainer.state.global_step),
        )
        metrics = {"eval_loss": loss}
        trainer.log(dict(metrics))
        trainer.control = trainer.callback_handler.on_evaluate(
            trainer.args, trainer.state, trainer.control, metrics
        )
        return metrics


def validation_loss(
    network: Any,
    rows: Any,
    settings: TrainSettings,
    autocast: Any,
    *,
    rank: int = 0,
    ranks: int = 1,
    record: Callable[[int, Any], None],
) -> float:
    """Return the mean negative log-likelihood in nats per supervised token over all ``rows``.

    ``autocast`` is the engine's context manager factory for its precision. The mean is over
    tokens, not over batches; each rank does its share of these, and all get the same mean.
    ``record`` gets the number of each batch and the batch as the model gets it.
    """
    import torch

    was_training = network.training
    network.eval()
    summed = tokens = 0.0
    size = settings.batch_size
    for start in range(rank * size, len(rows), ranks * size):
        batch = pad_rows(
            [rows[index] for index in range(start, min(start + size, len(rows)))],
            pad_id=settings.pad_id,
            multiple=settings.padding_multiple,
        )
        batch = {key: value.to(network.device) for key, value in batch.items()}
        record(start // size, batch)
        with torch.no_grad(), autocast():
            loss, supervised = batch_loss(network, batch, settings)
        summed += loss
        tokens += supervised
    network.train(was_training)
    summed, tokens = total([summed, tokens], network.device)
    return summed / tokens if tokens else float("nan")


def batch_loss(network: Any, batch: Any, settings: TrainSettings) -> tuple[float, int]:
    """Return the negative log-likelihood in nats summed over a batch's supervised tokens; those."""
    supervised = int((following(batch["labels"]) != IGNORED).sum())
    if not can_narrow(network, settings):
        return float(network(**batch, use_cache=False).loss) * supervised, supervised
    places = predicting(batch["labels"])
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    logits = network(**inputs, logits_to_keep=places, use_cache=False).logits
    return float(total_loss(logits, following(batch["labels"], places))), supervised


def validation_digest(step: int, number: int, batch: Any) -> str:
    """Return the digest of batch ``number`` of the validation rows, as a model got it."""
    arrays = [batch[name].cpu().numpy() for name in ("input_ids", "labels", "attention_mask")]
    rows = [
        row_digest(ids[keep == 1], labels[keep == 1])
        for ids, labels, keep in zip(*arrays, strict=True)
    ]
    return batch_digest(step, number, 0, rows)
