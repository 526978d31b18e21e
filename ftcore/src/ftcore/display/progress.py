"""Folds a worker's events into how each stage stands: done, speed, loss, time left."""

from __future__ import annotations

from dataclasses import dataclass, field

from ftcore.protocol import Event
from ftcore.report.numbers import duration

STAGE_TITLES = {
    "before": "answering before training",
    "few_shot": "answering with examples in the prompt",
    "train": "training",
    "after": "answering after training",
    "export": "exporting",
}
PHASE_TITLES = {
    "prepare": "preparing",
    "environment": "environment",
    "work": "starting the engine",
    "score": "scoring",
    "report": "writing the report",
}


@dataclass
class StageProgress:
    """How one stage stands; times are the worker's, in seconds since the epoch."""

    name: str
    begun: float
    now: float
    done: int = 0
    total: int | None = None
    unit: str = ""
    loss: float | None = None
    validation_loss: float | None = None
    tokens_per_second: float | None = None
    finished: bool = False
    _first: tuple[float, int] | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        """What the stage does, in words."""
        return STAGE_TITLES.get(self.name, self.name)

    @property
    def seconds(self) -> float:
        """Seconds since the stage began."""
        return self.now - self.begun

    def seconds_left(self) -> float | None:
        """Return the seconds left at the speed since the first report; None while unknown.

        What comes before the first report (loading the model) says nothing about the rest.
        """
        if self.total is None or self._first is None:
            return None
        moment, done = self._first
        if self.done <= done or self.now <= moment:
            return None
        return (self.total - self.done) * (self.now - moment) / (self.done - done)

    def advance(self, event: Event) -> None:
        """Take in one event of this stage."""
        self.now = event.time
        data = event.data
        if event.type == "progress":
            self.done = int(data["done"])
            self.total = int(data["total"])
            self.unit = str(data.get("unit", ""))
            self.tokens_per_second = data.get("tokens_per_second", self.tokens_per_second)
            if self._first is None:
                self._first = (event.time, self.done)
        elif event.type == "metric":
            self.loss = data.get("loss", self.loss)
            self.validation_loss = data.get("validation_loss", self.validation_loss)
        elif event.type == "finished":
            self.finished = True

    def figures(self) -> str:
        """Return loss, validation loss and speed, as far as they are known."""
        parts = []
        if self.loss is not None:
            parts.append(f"loss {self.loss:.4f}")
        if self.validation_loss is not None:
            parts.append(f"validation {self.validation_loss:.4f}")
        if self.tokens_per_second is not None:
            parts.append(f"{self.tokens_per_second:.0f} tokens/s")
        return ", ".join(parts)

    def line(self) -> str:
        """Return the stage in one line, as logs have it."""
        if self.finished:
            took = duration(self.seconds) if self.seconds >= 1 else "under 1 s"
            parts = [f"{self.title}: done in {took}", self.figures()]
        elif self.total is None:
            parts = [f"{self.title} ...", duration(self.seconds) if self.seconds > 1 else ""]
        else:
            left = self.seconds_left()
            parts = [
                f"{self.title}: {self.done}/{self.total} {self.unit}".rstrip(),
                self.figures(),
                "" if left is None else f"{duration(round(left))} left",
            ]
        return ", ".join(part for part in parts if part)


class Tracker:
    """Keeps the progress of every stage of a run, in order."""

    def __init__(self) -> None:
        self.stages: dict[str, StageProgress] = {}

    def update(self, event: Event) -> StageProgress | None:
        """Take in an event and return its stage; None for what belongs to no stage."""
        if event.stage is None or event.rank != 0:
            return None
        stage = self.stages.get(event.stage)
        if stage is None or event.type == "started":
            stage = StageProgress(event.stage, event.time, event.time)
            self.stages[event.stage] = stage
        stage.advance(event)
        return stage


def remark(event: Event) -> str | None:
    """Return the line for an event that deserves one of its own."""
    if event.type == "warning":
        return f"warning: {event.data.get('message', '')}"
    if event.type == "checkpoint":
        return f"checkpoint at step {event.data.get('step')}"
    if event.type == "metric" and event.data.get("validation_loss") is not None:
        return f"step {event.data.get('step')}: validation loss {event.data['validation_loss']:.4f}"
    return None
