"""Ctrl-C and SIGTERM: counted while a worker runs, an exception elsewhere in a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ftcore.errors import EXIT_INTERRUPTED, EXIT_TERMINATED
from ftcore.protocol import Result

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """The user (Ctrl-C) or the system (SIGTERM) ended the run; ``exit_code`` is 130 or 143."""

    def __init__(self, exit_code: int, result: Result | None) -> None:
        super().__init__(f"stopped ({exit_code})")
        self.exit_code = exit_code
        self.result = result


class StopSignals:
    """Counts Ctrl-C and SIGTERM instead of letting them strike at any line.

    An exception between the start of a process and the note of its id would lose the process. A
    signal that is ignored (``nohup``) stays ignored; outside the main thread nothing is changed.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """The exit code that the first signal asks for."""
        return EXIT_TERMINATED if self.first == signal.SIGTERM else EXIT_INTERRUPTED

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.first = self.first or number
        self.count += 1


class _Terminated(KeyboardInterrupt):
    """SIGTERM, raised where Ctrl-C would be."""


@contextmanager
def sigterm_as_stop() -> Iterator[None]:
    """Let SIGTERM unwind the block as Ctrl-C would; it leaves as `Stopped` with exit code 143."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.getsignal(signal.SIGTERM)
    if before in (signal.SIG_IGN, None):
        yield
        return
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    except _Terminated:
        raise Stopped(EXIT_TERMINATED, None) from None
    finally:
        signal.signal(signal.SIGTERM, before)
