"""Observers that are started and ended with a run, and several of them as one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from ftcore.engine.observer import Observer
from ftcore.engine.plan import Plan
from ftcore.plugins import Plugins
from ftcore.protocol import Event


class Watcher(Observer):
    """An observer that holds something (a terminal, a file) while the run lasts."""

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of what is held; does nothing unless overridden."""


class PluginWatcher(Observer):
    """Hands the worker's events to the plugins that follow runs (`ft_run_event`)."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._run: Path | None = None

    def started(self, run_folder: str) -> None:
        """Note which run the events belong to."""
        self._run = Path(run_folder)

    def event(self, event: Event) -> None:
        """Pass the event on."""
        if self._run is not None:
            self._plugins.run_event(self._run, event)


class Several(Watcher):
    """Passes everything on to several observers, in order; starts and ends those that hold on."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._stack = ExitStack()

    def __enter__(self) -> Several:
        for observer in self._observers:
            if isinstance(observer, Watcher):
                self._stack.enter_context(observer)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End those that were started, the last one first."""
        self._stack.close()

    def phase(self, name: str) -> None:
        """Pass on that a phase begins."""
        for observer in self._observers:
            observer.phase(name)

    def notice(self, text: str) -> None:
        """Pass on a notice."""
        for observer in self._observers:
            observer.notice(text)

    def planned(self, plan: Plan) -> None:
        """Pass on the plan."""
        for observer in self._observers:
            observer.planned(plan)

    def started(self, run_folder: str) -> None:
        """Pass on where the run directory is."""
        for observer in self._observers:
            observer.started(run_folder)

    def event(self, event: Event) -> None:
        """Pass on an event."""
        for observer in self._observers:
            observer.event(event)

    def scored(self, metrics: dict[str, Any]) -> None:
        """Pass on the metrics."""
        for observer in self._observers:
            observer.scored(metrics)
