"""The stream's own micro-batches for every engine built on transformers' `Trainer`."""

from __future__ import annotations

from typing import Any

from ftcore.worker.stream import WorkerStream


class StreamBatches:
    """Stands before a transformers `Trainer` among a class's bases and deals the stream's batches.

    The engines deal rows to several processes each in a way of its own.
    """

    ft_stream: WorkerStream

    def get_train_dataloader(self, skip_batches: int = 0) -> Any:
        """Return this rank's micro-batches in order; ms-swift skips here what is done."""
        from torch.utils.data import DataLoader

        trainer: Any = self
        batches = self.ft_stream.batches()[skip_batches:]
        return DataLoader(
            trainer.train_dataset, batch_sampler=batches, collate_fn=trainer.data_collator
        )
