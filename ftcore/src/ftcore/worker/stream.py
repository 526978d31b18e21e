"""Reads the canonical stream in the worker: token ids, labels and their order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.rendering.order import Order

if TYPE_CHECKING:
    from ftcore.worker.context import Ranks

IGNORED = -100


class WorkerStream:
    """The stream folder: one `datasets` folder per part, and the order of the training part."""

    def __init__(self, folder: Path, ranks: Ranks) -> None:
        self.folder = folder
        self.ranks = ranks
        self.order = Order.load(folder / "order.npz")

    def rows(self, part: str) -> Any:
        """Return the rows of a part (``train``, ``validation``) as a memory-mapped dataset."""
        import datasets

        return datasets.load_from_disk(str(self.folder / part))

    def has(self, part: str) -> bool:
        """Whether the part exists and has rows."""
        lengths = self.folder / part / "lengths.npy"
        return lengths.exists() and len(np.load(lengths, allow_pickle=False)) > 0

    def tokens_per_step(self) -> list[int]:
        """Return the unpadded tokens of each optimizer step, over all ranks."""
        lengths = np.load(self.folder / "train" / "lengths.npy", allow_pickle=False)
        tokens = [0] * self.order.steps
        for step, _, _, rows in self.order.iter_micro_batches():
            tokens[step] += int(lengths[rows].sum())
        return tokens

    def batches(self) -> list[list[int]]:
        """Return the numbers of the rows of each of this rank's micro-batches, in order."""
        return [
            rows.tolist()
            for _, _, rank, rows in self.order.iter_micro_batches()
            if rank == self.ranks.rank
        ]


def pad_rows(rows: list[dict[str, Any]], *, pad_id: int, multiple: int) -> dict[str, Any]:
    """Pad rows on the right to a common length: ``input_ids``, ``attention_mask``, ``labels``.

    The length is the longest row's, rounded up to ``multiple``; tensors are int64 [rows, length].
    Padding is ``pad_id``, mask 0 and label -100.
    """
    import torch

    longest = max(len(row["input_ids"]) for row in rows)
    length = -(-longest // multiple) * multiple

    def padded(values: list[list[int]], fill: int) -> Any:
        return torch.tensor([list(v) + [fill] * (length - len(v)) for v in values])

    ids = [row["input_ids"] for row in rows]
    return {
        "input_ids": padded(ids, pad_id),
        "attention_mask": padded([[1] * len(row) for row in ids], 0),
        "labels": padded([row["labels"] for row in rows], IGNORED),
    }
