"""What training did: rows, tokens, steps, time and memory, from the run's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ftcore.protocol import Result
from ftcore.rendering.order import Order
from ftcore.runs.folder import RunFolder


@dataclass(frozen=True, slots=True)
class PartRows:
    """What became of the rows of a part."""

    part: str
    kept: int
    cut: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Training:
    """The training of a run.

    ``epoch_tokens`` and ``epoch_supervised`` are of one pass over the rows; ``tokens`` and
    ``supervised`` those of the steps that were done, without padding, None where the stream is
    gone. ``seconds`` runs from the first step's begin to the last step's end, None where several
    workers did the steps.
    """

    parts: tuple[PartRows, ...]
    reasons: Mapping[str, int]
    test_rows: int
    left_over_rows: int
    epoch_tokens: int
    epoch_supervised: int
    longest: int
    steps_done: int
    steps_planned: int
    epochs_done: float | None
    epochs_planned: float
    tokens: int | None
    supervised: int | None
    seconds: float | None
    best: str | None
    peak_memory_mib: float | None
    peak_cuda_memory_mib: float | None
    settings: Mapping[str, Any]
    processes: int = 1

    def tokens_per_second(self) -> float | None:
        """Return unpadded tokens over the time of all steps."""
        return self.tokens / self.seconds if self.tokens and self.seconds else None


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long a stage of the worker took, model loading included; ``ended`` in its own time."""

    name: str
    seconds: float
    ended: bool


def read_training(
    run: RunFolder,
    plan: Mapping[str, Any],
    result: Result | None,
    events: Sequence[Mapping[str, Any]],
) -> Training:
    """Return what was planned, and what was done as far as the files say."""
    stages = result.stages if result else {}
    train, process = stages.get("train", {}), stages.get("process", {})
    steps = int(train.get("steps") or _last_step(events))
    account, settings = plan["account"], plan["settings"]
    tokens, supervised, epochs = _consumed(run, steps)
    return Training(
        parts=tuple(PartRows(part, **counts) for part, counts in account["counts"].items()),
        reasons=account["reasons"],
        test_rows=plan["rows"].get("test", 0),
        left_over_rows=plan["left_over_rows"],
        epoch_tokens=plan["tokens"],
        epoch_supervised=plan["supervised_tokens"],
        longest=plan["longest"],
        steps_done=steps,
        steps_planned=settings["steps"],
        epochs_done=epochs,
        epochs_planned=settings["epochs"],
        tokens=tokens,
        supervised=supervised,
        # The time of a training that went on is not that of all its steps.
        seconds=None if train.get("first_step") else train.get("seconds") or None,
        best=train.get("best"),
        peak_memory_mib=process.get("peak_memory_mib"),
        peak_cuda_memory_mib=process.get("peak_cuda_memory_mib"),
        settings=settings,
        processes=int(plan.get("processes", 1)),
    )


def stage_times(events: Sequence[Mapping[str, Any]]) -> tuple[StageTime, ...]:
    """Return the time between each stage's first event and its end, or its last event so far."""
    begun: dict[str, float] = {}
    last: dict[str, float] = {}
    ended: dict[str, bool] = {}
    for event in events:
        stage = event["stage"]
        if stage is None:
            continue
        if event["type"] == "started":
            begun[stage], ended[stage] = event["time"], False
        last[stage] = event["time"]
        if event["type"] == "finished":
            ended[stage] = True
    return tuple(
        StageTime(stage, last[stage] - start, ended[stage]) for stage, start in begun.items()
    )


def _last_step(events: Sequence[Mapping[str, Any]]) -> int:
    done = [
        int(event["data"]["done"])
        for event in events
        if event["type"] == "progress" and event["data"].get("unit") == "steps"
    ]
    return done[-1] if done else 0


def _consumed(run: RunFolder, steps: int) -> tuple[int | None, int | None, float | None]:
    """Return tokens and supervised tokens of the first ``steps`` steps, and the epochs they are."""
    stream = run.file("stream")
    order_file, part = stream / "order.npz", stream / "train"
    files = (order_file, part / "lengths.npy", part / "supervised.npy")
    if not steps or not all(path.exists() for path in files):
        return None, None, None
    order = Order.load(order_file)
    number = min(steps * order.shape.accumulation * order.shape.world_size, order.micro_batches)
    rows = order.rows[: order.offsets[number]]
    lengths, supervised = (np.load(path, allow_pickle=False) for path in files[1:])
    return int(lengths[rows].sum()), int(supervised[rows].sum()), order.epoch_at(steps)
