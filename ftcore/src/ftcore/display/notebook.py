"""Progress in a notebook: one output cell that is redrawn, without any widget."""

from __future__ import annotations

import sys
import time
from html import escape
from typing import Any

from ftcore.display.plan_facts import plan_facts, plan_notes
from ftcore.display.progress import PHASE_TITLES, StageProgress, Tracker, remark
from ftcore.display.watcher import Watcher
from ftcore.engine.plan import Plan
from ftcore.protocol import Event
from ftcore.report.numbers import duration

REDRAW_SECONDS = 0.5
KEPT_LINES = 8


def in_notebook() -> bool:
    """Return whether this process is a notebook's kernel (not merely one with IPython in it)."""
    shell = sys.modules.get("IPython")
    current: Any = shell.get_ipython() if shell else None
    return current is not None and "IPKernelApp" in current.config


class NotebookWatcher(Watcher):
    """Redraws its output: the phases, the newest notices and a bar for each stage."""

    def __init__(self) -> None:
        from IPython import display

        # IPython's own functions have no types.
        self._html: Any = display.HTML
        self._display: Any = display.display
        self._handle: Any = None
        self._tracker = Tracker()
        self._phase = ""
        self._lines: list[str] = []
        self._drawn = 0.0

    def phase(self, name: str) -> None:
        """Show the phase."""
        self._phase = PHASE_TITLES.get(name, name)
        self._draw(at_once=True)

    def notice(self, text: str) -> None:
        """Show the newest notices."""
        self._lines = [*self._lines, text][-KEPT_LINES:]
        self._draw()

    def planned(self, plan: Plan) -> None:
        """Show the plan as an output of its own."""
        notes = "".join(f"<div>{escape(note)}</div>" for note in plan_notes(plan))
        self._display(self._html(plan_facts(plan).to_html() + notes))

    def started(self, run_folder: str) -> None:
        """Show where the run is."""
        self.notice(f"run directory: {run_folder}")

    def event(self, event: Event) -> None:
        """Redraw, at most twice a second."""
        self._tracker.update(event)
        line = remark(event)
        if line:
            self._lines = [*self._lines, line][-KEPT_LINES:]
        self._draw(at_once=event.type in ("started", "finished"))

    def scored(self, metrics: dict[str, Any]) -> None:
        """Redraw a last time; the result renders its own table."""
        self._phase = ""
        self._draw(at_once=True)

    def _draw(self, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        content = self._html(self.to_html())
        if self._handle is None:
            self._handle = self._display(content, display_id=True)
        else:
            self._handle.update(content)

    def to_html(self) -> str:
        """Return what is drawn now."""
        bars = "".join(_bar(stage) for stage in self._tracker.stages.values())
        lines = "".join(f"<div>{escape(line)}</div>" for line in self._lines)
        phase = f"<div><b>{escape(self._phase)}</b></div>" if self._phase else ""
        small = f'<div style="color:gray;font-size:90%">{lines}</div>' if lines else ""
        return f'<div class="ft-progress">{small}{phase}<table>{bars}</table></div>'


def _bar(stage: StageProgress) -> str:
    done, total = (1, 1) if stage.finished else (stage.done, stage.total)
    bar = (
        f'<progress value="{done}" max="{total}"></progress>' if total else "<progress></progress>"
    )
    amount = f"{stage.done}/{stage.total} {stage.unit}" if stage.total else ""
    left = stage.seconds_left()
    clock = duration(round(stage.seconds))
    if left is not None and not stage.finished:
        clock += f", {duration(round(left))} left"
    cells = (stage.title, bar, escape(amount), escape(stage.figures()), clock)
    return "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"
