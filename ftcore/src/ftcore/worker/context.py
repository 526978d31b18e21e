"""What the hooks of a backend get from ft while they run."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ftcore.protocol import STOP_REQUEST, EventType, Job
from ftcore.worker.events import EventWriter

if TYPE_CHECKING:
    from ftcore.worker.observation import Observation
    from ftcore.worker.receipts import ReceiptRecorder
    from ftcore.worker.stream import WorkerStream

SEEN_ALIKE = ("progress", "metric", "checkpoint", "artifact")


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
        self.observation = self._observation() if job.observe else None
        self._stop = False
        if ranks.world_size == 1:
            # Of several, one that is told to end has lost the others: it cannot end in order.
            signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def emit(self, type: EventType, **data: Any) -> None:
        """Write one event of the current stage; what all ranks see alike is the first one's."""
        if self.ranks.rank == 0 or type not in SEEN_ALIKE:
            self.events.emit(type, **data)

    def warn(self, message: str, **data: Any) -> None:
        """Write a warning that the parent shows and the report keeps."""
        self.emit("warning", message=message, **data)

    def should_stop(self) -> bool:
        """Whether the parent (or a signal) asked for an early, orderly end."""
        return self._stop or (self.folder / STOP_REQUEST).exists()

    def open_stream(self, folder: str) -> WorkerStream:
        """Open the canonical stream that the parent wrote."""
        from ftcore.worker.stream import WorkerStream

        return WorkerStream(Path(folder), self.ranks)

    def checkpoint(self, step: int, folder: Path, *, resumable: bool = True) -> None:
        """Report a checkpoint that was written whole, with the bytes of each of its files.

        ``resumable`` says whether a training that goes on from it ends as this one does.
        """
        files = {
            path.relative_to(folder).as_posix(): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self.emit("checkpoint", step=step, path=str(folder), files=files, resumable=resumable)

    def receipts(self, stage: str, stream: WorkerStream) -> ReceiptRecorder:
        """Return the recorder that digests what the engine consumes in ``stage``."""
        from ftcore.worker.receipts import ReceiptRecorder

        first = self.job.first_step
        return ReceiptRecorder(self.events, stage, stream, first, self.observation)

    def _observation(self) -> Observation:
        # Imported here: it needs NumPy, which a worker without an engine may lack.
        from ftcore.worker.observation import Observation

        return Observation(self.folder, self.ranks.rank, self.job.first_step)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop = True
