"""Progress on a terminal: a bar with loss, speed and time left under the lines that stay."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from ftcore.display.facts import Facts
from ftcore.display.plan_facts import plan_facts, plan_notes
from ftcore.display.progress import PHASE_TITLES, StageProgress, Tracker, remark
from ftcore.display.watcher import Watcher
from ftcore.engine.plan import Plan
from ftcore.protocol import Event
from ftcore.report.numbers import duration


class LiveWatcher(Watcher):
    """Draws on ``console``; ``show`` prints what is to stay (the plan)."""

    def __init__(self, console: Console, show: Callable[[Facts], None]) -> None:
        self._show = show
        self._tracker = Tracker()
        self._task: TaskID | None = None
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}"),
            TextColumn("{task.fields[figures]}"),
            TextColumn("{task.fields[left]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> LiveWatcher:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away; the lines above it stay."""
        self._progress.stop()

    def phase(self, name: str) -> None:
        """Begin a bar of unknown length."""
        self._begin(PHASE_TITLES.get(name, name))

    def notice(self, text: str) -> None:
        """Print the notice above the bar."""
        self._print(text)

    def planned(self, plan: Plan) -> None:
        """Print the plan; the bar makes room for it."""
        self._progress.stop()
        self._show(plan_facts(plan))
        self._progress.start()
        for note in plan_notes(plan):
            self._print(note)

    def started(self, run_folder: str) -> None:
        """Print where the run is."""
        self._print(f"run directory: {run_folder}")

    def event(self, event: Event) -> None:
        """Move the bar."""
        stage = self._tracker.update(event)
        line = remark(event)
        if line:
            self._print(line)
        if stage is None:
            return
        if event.type == "started":
            self._begin(stage.title)
        elif event.type == "finished":
            self._print(stage.line())
        self._move(stage)

    def scored(self, metrics: dict[str, Any]) -> None:
        """End the last bar: the table of metrics is printed by the command."""
        self._drop()

    def _begin(self, title: str) -> None:
        self._drop()
        self._task = self._progress.add_task(title, total=None, amount="", figures="", left="")

    def _drop(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _move(self, stage: StageProgress) -> None:
        if self._task is None or stage.total is None:
            return
        left = stage.seconds_left()
        self._progress.update(
            self._task,
            completed=stage.done,
            total=stage.total,
            amount=f"{stage.done}/{stage.total} {stage.unit}",
            figures=stage.figures(),
            left="" if left is None else f"{duration(round(left))} left",
        )

    def _print(self, text: str) -> None:
        self._progress.console.print(escape(text), highlight=False, soft_wrap=True)
