"""Holds the validation rows that an engine measured its loss on against the stream's."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ftcore.data.stored_stream import Stream
from ftcore.errors import ProtocolViolation, ReceiptMismatch
from ftcore.protocol import Receipt, decode
from ftcore.rendering.digests import batch_digest
from ftcore.runs.folder import RunFolder


def check_validation(run: RunFolder, stream: Stream, batch_size: int) -> int:
    """Check every batch behind every validation loss of a run; returns how many there were.

    A batch that was measured twice after the same step (a run that went on) counts once. Raises
    `ReceiptMismatch` where a batch is not the stream's or left no receipt.
    """
    measured = {
        event["data"]["step"]
        for event in run.read_lines("events.jsonl")
        if event["type"] == "metric" and "validation_loss" in event["data"]
    }
    if not measured:
        return 0
    digests = stream.digests("validation")
    batches = -(-len(digests) // batch_size)
    due = {(step, number) for step in measured for number in range(batches)}
    seen = set()
    for receipt in validation_receipts(run):
        rows = digests[receipt.micro * batch_size : (receipt.micro + 1) * batch_size]
        expected = batch_digest(receipt.step, receipt.micro, 0, [row.tobytes() for row in rows])
        if receipt.micro >= batches or receipt.digest != expected:
            raise ReceiptMismatch(
                f"validation batch {receipt.micro + 1} after step {receipt.step} is not the "
                "stream's: its loss was measured on other ids, labels or rows than planned",
                hint="this is a defect of the backend; report it with the run directory",
            )
        seen.add((receipt.step, receipt.micro))
    if due - seen:
        raise ReceiptMismatch(
            f"{len(due)} validation batches were measured, {len(due - seen)} left no receipt",
            hint="this is a defect of the backend; report it with the run directory",
        )
    return len(due)


def validation_receipts(run: RunFolder) -> Iterator[Receipt]:
    """Yield the receipts of validation batches of all ranks."""
    for path in sorted(run.path.glob("validation_receipts*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            try:
                data = json.loads(line)
            except ValueError as error:
                raise ProtocolViolation(f"{path.name} holds a line that is no JSON") from error
            yield decode(Receipt, data)
