"""Progress as plain lines, for logs and pipes, and as JSON lines, for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ftcore.display.plan_facts import plan_facts, plan_notes
from ftcore.display.progress import PHASE_TITLES, StageProgress, Tracker, remark
from ftcore.display.watcher import Watcher
from ftcore.engine.plan import Plan
from ftcore.protocol import Event, encode, finite

Write = Callable[[str], None]

# A line at most this often (seconds) and, while that holds, at every tenth of a stage.
SHORTEST, LONGEST = 5.0, 30.0


class PlainWatcher(Watcher):
    """Writes a line now and then; ``write`` takes progress, ``show`` takes the plan."""

    def __init__(self, write: Write, show: Write | None = None) -> None:
        self._write = write
        self._show = show or write
        self._tracker = Tracker()
        self._last: tuple[float, float] = (0.0, 0.0)  # time and share done at the last line

    def phase(self, name: str) -> None:
        """Write a line for the phase, unless lines of its own follow at once."""
        if name not in ("environment", "prepare"):
            self._write(f"{PHASE_TITLES.get(name, name)} ...")

    def notice(self, text: str) -> None:
        """Write the notice."""
        self._write(text)

    def planned(self, plan: Plan) -> None:
        """Write the plan."""
        self._show(plan_facts(plan).to_text())
        for note in plan_notes(plan):
            self._show(note)

    def started(self, run_folder: str) -> None:
        """Write where the run is."""
        self._write(f"run directory: {run_folder}")

    def event(self, event: Event) -> None:
        """Write what stands out, and how the stage stands when it is time for a line."""
        stage = self._tracker.update(event)
        line = remark(event)
        if line:
            self._write(line)
        if stage is None:
            return
        # A step's loss comes after its progress, so a line waits for it.
        half = stage.unit == "steps" and event.type == "progress"
        if event.type in ("started", "finished") or (not half and self._due(stage)):
            self._last = (stage.now, _share(stage))
            self._write(stage.line())

    def _due(self, stage: StageProgress) -> bool:
        moment, share = self._last
        waited = stage.now - moment
        return waited >= LONGEST or (waited >= SHORTEST and _share(stage) - share >= 0.1)


def _share(stage: StageProgress) -> float:
    return stage.done / stage.total if stage.total else 0.0


class JsonLinesWatcher(Watcher):
    """Writes everything that happens as one JSON object a line."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def phase(self, name: str) -> None:
        """Write ``{"phase": ...}``."""
        self._line({"phase": name})

    def notice(self, text: str) -> None:
        """Write ``{"notice": ...}``."""
        self._line({"notice": text})

    def started(self, run_folder: str) -> None:
        """Write ``{"run": ...}``."""
        self._line({"run": run_folder})

    def event(self, event: Event) -> None:
        """Write ``{"event": ...}``."""
        self._line({"event": encode(event)})

    def _line(self, data: dict[str, Any]) -> None:
        self._write(json.dumps(finite(data), ensure_ascii=True))
