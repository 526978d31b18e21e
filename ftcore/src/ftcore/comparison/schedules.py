"""Names the schedule that a series of learning rates comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftcore.comparison.findings import Finding
from ftcore.comparison.record import TrainingRecord
from ftcore.comparison.switches import setting
from ftcore.protocol import TrainSettings, decode
from ftcore.worker.plain_loop import schedule

SHAPES = ("constant", "linear", "cosine")


def other_schedule(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether the live learning rates differ, and which schedule they are."""
    mine, theirs = rates(record), rates(reference)
    length = min(len(mine), len(theirs))
    other = [n for n in range(length) if not _close(mine[n], theirs[n])]
    if not other:
        return
    first = other[0]
    found = fit(record.settings, mine)
    shape = f"a {found['scheduler']} schedule" if found else "other learning rates"
    if found and found["warmup_steps"] != record.settings["warmup_steps"]:
        shape += f" with {found['warmup_steps']} steps of warm-up"
    if found and found["learning_rate"] != record.settings["learning_rate"]:
        shape += f" from a peak of {found['learning_rate']:.6g}"
    text = (
        f"has {shape} where {reference.name} has {reference.settings['scheduler']}: "
        f"{mine[first]:.6g} instead of {theirs[first]:.6g} in step {first + 1}"
    )
    touches = {"steps": (len(other), length)}
    switch = setting(**found) if found else None
    yield Finding("scheduler", "L3", record.name, text, touches, switch)


def rates(record: TrainingRecord) -> list[float]:
    """Return the learning rate of each step as the live optimizer had it (its largest group's)."""
    assert record.observed is not None
    updates = record.observed.updates
    return [
        float(max(updates[step].groups, key=lambda group: int(group["tensors"]))["lr"])
        for step in sorted(updates)
    ]


def fit(settings: Mapping[str, Any], series: Sequence[float]) -> dict[str, Any] | None:
    """Return scheduler, warm-up steps and peak that give ``series``; None where none do."""
    planned = settings["warmup_steps"]
    warmups = [planned, *(n for n in range(len(series)) if n != planned)]
    for warmup in warmups:
        for shape in SHAPES:
            changes = {"scheduler": shape, "warmup_steps": warmup}
            used = decode(TrainSettings, {**settings, **changes})
            factors = [schedule(used, step) for step in range(len(series))]
            peaks = [rate / f for rate, f in zip(series, factors, strict=True) if f > 0]
            peak = max(peaks, default=0.0)
            if peak and all(_close(peak * f, r) for f, r in zip(factors, series, strict=True)):
                known = settings["learning_rate"]
                return {**changes, "learning_rate": known if _close(known, peak) else peak}
    return None


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1e-12)
