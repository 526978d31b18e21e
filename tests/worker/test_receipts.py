"""Receipts as an engine's hooks make them, held against those of the stream's arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftcore.errors import ReceiptMismatch
from ftcore.protocol import Receipt, decode, parse
from ftcore.rendering.digests import batch_digest, row_digest
from ftcore.rendering.order import plan_order
from ftcore.worker.context import Ranks
from ftcore.worker.events import EventWriter
from ftcore.worker.receipts import ReceiptRecorder
from ftcore.worker.stream import IGNORED, WorkerStream

ROWS = [
    ([5, 6, 7], [IGNORED, 6, 7]),
    ([8], [8]),
    ([9, 10, 11, 12], [IGNORED, IGNORED, 11, 12]),
    ([13, 14], [IGNORED, 14]),
    ([15, 16], [15, IGNORED]),
]


class Tensor(np.ndarray):
    """An array that has to be fetched like an engine's tensor."""

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return np.asarray(self)


def tensor(rows: list[list[int]]) -> Any:
    return np.array(rows).view(Tensor)


def padded(rows: list[tuple[list[int], list[int]]], *, left: bool = False) -> tuple[Any, Any, Any]:
    """Return ids, mask and labels of a micro-batch, padded with a token that is also a real one."""
    longest = max(len(ids) for ids, _ in rows)

    def pad(values: list[int], fill: int) -> list[int]:
        rest = [fill] * (longest - len(values))
        return [*rest, *values] if left else [*values, *rest]

    return (
        tensor([pad(ids, 9) for ids, _ in rows]),
        tensor([pad([1] * len(ids), 0) for ids, _ in rows]),
        tensor([pad(labels, IGNORED) for _, labels in rows]),
    )


ALONE = Ranks(0, 1)


class Training:
    """Five rows in micro-batches of two, two of them a step, and a recorder that watches."""

    def __init__(self, folder: Path, *, first_step: int = 0, ranks: Ranks = ALONE) -> None:
        self.order = plan_order(
            len(ROWS),
            batch_size=2,
            accumulation=2,
            world_size=ranks.world_size,
            epochs=2,
            max_steps=None,
            seed=3,
        )
        self.order.save(folder / "order.npz")
        self.folder, self.ranks = folder, ranks
        self.events = EventWriter(folder, ranks.rank)
        stream = WorkerStream(folder, ranks)
        self.recorder = ReceiptRecorder(self.events, "train", stream, first_step)

    def micro_batch(self, numbers: Any, **options: bool) -> None:
        """Run a micro-batch through, as the forward pass and the loss of an engine do."""
        ids, mask, labels = padded([ROWS[number] for number in numbers], **options)
        self.recorder.entered(ids, mask)
        loss = self.recorder.wrap_loss(lambda logits, labels, **rest: float(labels.sum()))
        assert loss(None, labels=labels, vocab_size=20) == float(labels.sum())

    def written(self) -> list[Receipt]:
        self.events.close()
        name = f"receipts.rank{self.ranks.rank}.jsonl" if self.ranks.rank else "receipts.jsonl"
        text = (self.folder / name).read_bytes()
        return [decode(Receipt, parse(line)) for line in text.splitlines()]

    def expected(self, first_step: int = 0) -> list[Receipt]:
        found = []
        for step, micro, rank, numbers in self.order.iter_micro_batches():
            if rank == self.ranks.rank and step >= first_step:
                digests = [row_digest(*ROWS[number]) for number in numbers]
                digest = batch_digest(step, micro, rank, digests)
                found.append(Receipt(1, "train", step, micro, rank, digest))
        return found


@pytest.mark.parametrize("left", [False, True])
def test_every_micro_batch_in_order_whatever_the_padding(tmp_path: Path, left: bool):
    training = Training(tmp_path)
    for _, _, _, numbers in training.order.iter_micro_batches():
        training.micro_batch(numbers, left=left)
    assert training.written() == training.expected()


@pytest.mark.parametrize("rank", [0, 1])
def test_each_rank_records_its_own(tmp_path: Path, rank: int):
    training = Training(tmp_path, ranks=Ranks(rank, 2))
    for _, _, owner, numbers in training.order.iter_micro_batches():
        if owner == rank:
            training.micro_batch(numbers)
    assert training.written() == training.expected()
    assert len(training.expected()) == training.order.micro_batches // 2


def test_a_resumed_training_begins_at_its_step(tmp_path: Path):
    training = Training(tmp_path, first_step=1)
    for step, _, _, numbers in training.order.iter_micro_batches():
        if step >= 1:
            training.micro_batch(numbers)
    assert training.written() == training.expected(first_step=1)


def test_other_labels_or_rows_are_another_digest(tmp_path: Path):
    training = Training(tmp_path)
    _, _, _, numbers = next(training.order.iter_micro_batches())
    ids, mask, labels = padded([ROWS[number] for number in numbers])
    training.recorder.entered(ids, mask)
    training.recorder.consumed(np.where(labels == IGNORED, ids, labels).view(Tensor))
    training.micro_batch(numbers[::-1])
    found, due = training.written(), training.expected()
    assert found[0].digest != due[0].digest
    assert found[1].digest != due[1].digest


def test_a_micro_batch_beyond_the_plan_has_no_place(tmp_path: Path):
    training = Training(tmp_path)
    for _, _, _, numbers in training.order.iter_micro_batches():
        training.micro_batch(numbers)
    training.micro_batch([0])
    last = training.written()[-1]
    assert (last.step, last.micro) == (-1, -1)


def test_a_forward_pass_without_a_loss_is_noticed(tmp_path: Path):
    training = Training(tmp_path)
    ids, mask, _ = padded(ROWS[:2])
    training.recorder.entered(ids, mask)
    with pytest.raises(ReceiptMismatch, match="without a loss"):
        training.recorder.entered(ids, mask)
    training.events.close()


def test_a_loss_without_a_forward_pass_is_noticed(tmp_path: Path):
    training = Training(tmp_path)
    with pytest.raises(ReceiptMismatch, match="without a forward pass"):
        training.recorder.consumed(padded(ROWS[:1])[2])
    # A loss outside training, as validation computes it, leaves none.
    loss = training.recorder.wrap_loss(lambda logits, labels: 0.5)
    assert loss(None, padded(ROWS[:1])[2]) == 0.5
    assert training.written() == []


def test_virtual_tokens_leave_no_trace(tmp_path: Path):
    """Prompt tuning puts tokens in front of every row, which no loss looks at."""
    training = Training(tmp_path)
    for _, _, _, numbers in training.order.iter_micro_batches():
        ids, mask, labels = padded([ROWS[number] for number in numbers])
        training.recorder.entered(ids, mask)
        longer = np.pad(labels, ((0, 0), (3, 0)), constant_values=IGNORED)
        training.recorder.consumed(longer.view(Tensor))
    assert training.written() == training.expected()


@pytest.mark.parametrize(("before", "fill"), [(1, 7), (-1, 0)])
def test_other_labels_in_front_are_noticed(tmp_path: Path, before: int, fill: int):
    training = Training(tmp_path)
    ids, mask, labels = padded(ROWS[:2])
    wrong = labels[:, 1:] if before < 0 else np.insert(labels, 0, fill, axis=1)
    training.recorder.entered(ids, mask)
    with pytest.raises(ReceiptMismatch, match="not those of its tokens"):
        training.recorder.consumed(wrong.view(Tensor))
    training.events.close()
