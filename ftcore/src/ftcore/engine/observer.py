"""Who watches a run: the terminal, a notebook, a log, a test."""

from __future__ import annotations

from typing import Any

from ftcore.engine.plan import Plan
from ftcore.protocol import Event


class Observer:
    """Hears what happens in a run; every method does nothing unless overridden.

    Example::

        class Quiet(Observer):
            def notice(self, text: str) -> None:
                logging.info(text)
    """

    def phase(self, name: str) -> None:
        """A phase begins: prepare, environment, work, score or report."""

    def notice(self, text: str) -> None:
        """Something is being built, reused or waited for, in one line."""

    def planned(self, plan: Plan) -> None:
        """The plan is known; nothing was computed yet."""

    def started(self, run_folder: str) -> None:
        """The run directory exists."""

    def event(self, event: Event) -> None:
        """The worker reported something."""

    def scored(self, metrics: dict[str, Any]) -> None:
        """The predictions are scored; the data is that of ``metrics.json``."""
