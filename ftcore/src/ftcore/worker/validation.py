"""Validation loss by tokens, the same for every engine built on transformers' `Trainer`."""

from __future__ import annotations

from typing import Any

from ftcore.protocol import TrainSettings
from ftcore.worker.stream import pad_rows
from ftcore.worker.world import total


class TokenValidation:
    """Stands before a transformers `Trainer` among a class's bases and measures by tokens.

    The engines' own validation loss is a mean of batch means, which depends on the batch size.
    """

    ft_settings: TrainSettings

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure the loss on the validation rows, log it and tell the callbacks."""
        trainer: Any = self
        loss = validation_loss(
            trainer.model,
            trainer.eval_dataset,
            self.ft_settings,
            trainer.compute_loss_context_manager,
            rank=trainer.args.process_index,
            ranks=trainer.args.world_size,
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
) -> float:
    """Return the mean negative log-likelihood in nats per supervised token over all ``rows``.

    ``autocast`` is the engine's context manager factory for its precision. The mean is over
    tokens, not over batches; each rank does its share of these, and all get the same mean.
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
        supervised = int((batch["labels"][:, 1:] != -100).sum())
        with torch.no_grad(), autocast():
            loss = network(**batch, use_cache=False).loss
        summed += float(loss) * supervised
        tokens += supervised
    network.train(was_training)
    summed, tokens = total([summed, tokens], network.device)
    return summed / tokens if tokens else float("nan")
