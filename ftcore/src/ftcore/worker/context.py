"""What the hooks of a backend get from ft while they run."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ftcore.protocol import EventType, Job
from ftcore.worker.events import EventWriter

if TYPE_CHECKING:
    from ftcore.worker.receipts import ReceiptRecorder
    from ftcore.worker.stream import WorkerStream

STOP_FILE = "stop.request"


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of the job, as torchrun's environment says."""

    rank: int
    world_size: int


class WorkerContext:
    """Events, receipts, the stream and the wish to stop, for one rank of one job."""

    def __init__(self, job: Job, ranks: Ranks) -> None:
        self.job = job
        self.ranks = ranks
        self.folder = Path(job.folder)
        self.events = EventWriter(self.folder, ranks.rank)
        self._stop = False
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def emit(self, type: EventType, **data: Any) -> None:
        """Write one event of the current stage."""
        self.events.emit(type, **data)

    def warn(self, message: str, **data: Any) -> None:
        """Write a warning that the parent shows and the report keeps."""
        self.emit("warning", message=message, **data)

    def should_stop(self) -> bool:
        """Whether the parent (or a signal) asked for an early, orderly end."""
        return self._stop or (self.folder / STOP_FILE).exists()

    def open_stream(self, folder: str) -> WorkerStream:
        """Open the canonical stream that the parent wrote."""
        from ftcore.worker.stream import WorkerStream

        return WorkerStream(Path(folder), self.ranks)

    def receipts(self, stage: str, stream: WorkerStream, first_step: int = 0) -> ReceiptRecorder:
        """Return the recorder that digests what the engine consumes in ``stage``."""
        from ftcore.worker.receipts import ReceiptRecorder

        return ReceiptRecorder(self.events, stage, stream, first_step)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop = True
