"""Appends events and receipts as whole lines, so that a reader never sees half of one."""

from __future__ import annotations

import json
import math
import threading
import time
from pathlib import Path
from typing import Any

from ftcore.protocol import PROTOCOL_VERSION, Event, EventType, Receipt, encode, parse


class LineFile:
    """An append-only file of JSON lines, flushed after every line; safe between threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Half a surrogate pair has no UTF-8; the escape that stands in for it is valid JSON.
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        self._lock = threading.Lock()

    def append(self, data: dict[str, Any]) -> None:
        """Write one line."""
        line = json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()

    def close(self) -> None:
        """Close the file; later lines are errors."""
        self._file.close()


class EventWriter:
    """Numbers and writes the events of one rank, with a heartbeat while the engine is silent."""

    def __init__(self, folder: Path, rank: int, heartbeat_seconds: float = 15.0) -> None:
        suffix = f".rank{rank}" if rank else ""
        self._events = LineFile(folder / f"events{suffix}.jsonl")
        self._receipts = LineFile(folder / f"receipts{suffix}.jsonl")
        self._validation_path = folder / f"validation_receipts{suffix}.jsonl"
        self._validation: LineFile | None = None
        self._rank = rank
        self._sequence = _next_sequence(folder / f"events{suffix}.jsonl")
        self._lock = threading.Lock()
        self.stage: str | None = None
        self._done = threading.Event()
        self._beat = threading.Thread(
            target=self._heartbeat, args=(heartbeat_seconds,), daemon=True
        )
        self._beat.start()

    def emit(self, type: EventType, **data: Any) -> None:
        """Write one event; non-finite numbers become null, named in ``not_finite``."""
        strange = [k for k, v in data.items() if isinstance(v, float) and not math.isfinite(v)]
        if strange:
            data["not_finite"] = strange
        with self._lock:
            event = Event(
                PROTOCOL_VERSION, self._sequence, time.time(), type, self.stage, self._rank, data
            )
            self._sequence += 1
            self._events.append(encode(event))

    def receipt(self, stage: str, step: int, micro: int, digest: str) -> None:
        """Write the digest of one micro-batch; ``step`` and ``micro`` count from 0."""
        receipt = Receipt(PROTOCOL_VERSION, stage, step, micro, self._rank, digest)
        self._receipts.append(encode(receipt))

    def validated(self, step: int, batch: int, digest: str) -> None:
        """Write the digest of one batch of validation rows, measured after ``step`` steps."""
        receipt = Receipt(PROTOCOL_VERSION, "validation", step, batch, self._rank, digest)
        if self._validation is None:
            self._validation = LineFile(self._validation_path)
        self._validation.append(encode(receipt))

    def close(self) -> None:
        """Stop the heartbeat and close the files."""
        self._done.set()
        self._beat.join(timeout=2)
        for file in (self._events, self._receipts, self._validation):
            if file is not None:
                file.close()

    def _heartbeat(self, seconds: float) -> None:
        while not self._done.wait(seconds):
            self.emit("heartbeat")


def _next_sequence(path: Path) -> int:
    """Return the number after the last event's: a run that goes on counts on."""
    last = b""
    with path.open("rb") as file:
        for line in file:
            last = line
    return int(parse(last)["sequence"]) + 1 if last else 0
