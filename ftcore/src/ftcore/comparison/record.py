"""What a run left that can be compared with another one: rows, curves, weights, what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.data.stored_stream import Stream
from ftcore.errors import DataError, RunNotFound
from ftcore.rendering.order import Order
from ftcore.runs.folder import RunFolder

Place = tuple[int, int, int]  # step, micro-batch, rank; each from 0
CURVES = ("loss", "grad_norm", "learning_rate")


@dataclass(frozen=True, slots=True)
class Point:
    """One optimizer step (from 1); the loss is in nats per supervised token."""

    step: int
    loss: float | None = None
    grad_norm: float | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Micro:
    """A micro-batch as the engine consumed it.

    ``ids`` and ``labels`` are unpadded rows; ``length`` is what they were padded to. ``loss`` is
    what the loss function returned, ``nll`` the sum in nats over ``tokens`` that was computed
    beside it; ``arithmetic`` the type that the layers computed in. None: not seen.
    """

    place: Place
    length: int
    ids: tuple[tuple[int, ...], ...]
    labels: tuple[tuple[int, ...], ...]
    loss: float | None
    nll: float | None
    tokens: int | None
    arithmetic: str | None


@dataclass(frozen=True, slots=True)
class Update:
    """The live optimizer just before one step (from 0); ``groups`` are its parameter groups."""

    step: int
    optimizer: str
    groups: tuple[Mapping[str, Any], ...]
    clipped_norm: float | None


@dataclass(frozen=True, slots=True)
class Observed:
    """What the worker wrote down while it trained; ``network`` describes what was trained."""

    network: Mapping[str, Any]
    micros: Mapping[Place, Micro]
    updates: Mapping[int, Update]


@dataclass(frozen=True)
class TrainingRecord:
    """A finished training.

    ``name`` is what it is called in a comparison; ``receipts`` and ``expected`` are the digests of
    the micro-batches as consumed and as the stream has them; ``errors`` are the guarantees that
    did not hold, in words.
    """

    name: str
    folder: Path
    backend: str
    stream: Stream
    order: Order
    settings: Mapping[str, Any]
    points: tuple[Point, ...]
    receipts: Mapping[Place, str]
    expected: Mapping[Place, str]
    observed: Observed | None
    versions: Mapping[str, str]
    environment: Mapping[str, Any]
    errors: tuple[str, ...]
    seconds: float

    @property
    def weights(self) -> Path:
        """The folder of what was trained."""
        return self.folder / "adapter"

    @property
    def steps(self) -> int:
        """Optimizer steps done."""
        return len(self.points)

    def curve(self, name: str) -> list[float | None]:
        """Return ``loss``, ``grad_norm`` or ``learning_rate`` of every step."""
        return [getattr(point, name) for point in self.points]

    def missed(self) -> list[Place]:
        """Return the micro-batches that were not consumed as the stream has them."""
        due = {place: digest for place, digest in self.expected.items() if place[0] < self.steps}
        wrong = [place for place, digest in due.items() if self.receipts.get(place) != digest]
        return wrong + [place for place in self.receipts if place not in due]


def read_record(folder: Path, name: str | None = None) -> TrainingRecord:
    """Read a run directory; ``name`` is the backend's unless given.

    Raises `RunNotFound` for a run that did not finish or lacks a part.
    """
    run = RunFolder(folder)
    manifest = run.manifest()
    try:
        job, result = run.read_json("job.json"), run.read_json("result.json")
        train = result["stages"]["train"]
        stream, order = Stream.load(folder / "stream"), Order.load(folder / "stream" / "order.npz")
        receipts = run.read_json("receipts.json") or {}
        return TrainingRecord(
            name=name or manifest.backend,
            folder=folder,
            backend=manifest.backend,
            stream=stream,
            order=order,
            settings=job["settings"],
            points=read_points(run),
            receipts=read_receipts(run),
            expected={(s, m, r): d for s, m, r, d in stream.expected_receipts(order)},
            observed=read_observed(run),
            versions=result["versions"],
            environment=run.read_json("environment.json") or {},
            errors=tuple(error["message"] for error in receipts.get("errors", ())),
            seconds=float(train.get("seconds") or 0.0),
        )
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        raise RunNotFound(
            f"{folder} cannot be compared: {error}",
            hint="only a finished run can be, with its stream and receipts",
            code="run.incomplete",
        ) from error


def read_points(run: RunFolder) -> tuple[Point, ...]:
    """Return loss, gradient norm and learning rate of each step, from the run's events."""
    points: dict[int, Point] = {}
    for event in run.read_lines("events.jsonl"):
        data = event["data"]
        if event["type"] == "metric" and event["rank"] == 0 and "loss" in data:
            step = int(data["step"])
            points[step] = Point(step, *(data.get(name) for name in CURVES))
    return tuple(points[step] for step in sorted(points))


def read_receipts(run: RunFolder) -> dict[Place, str]:
    """Return the digests of all ranks; of a micro-batch that was done twice, the last."""
    lines = _all_ranks(run, "receipts")
    return {(line["step"], line["micro"], line["rank"]): line["digest"] for line in lines}


def read_observed(run: RunFolder) -> Observed | None:
    """Return what the worker wrote down, or None where it was not asked to."""
    lines = _all_ranks(run, "observation")
    network = next((line for line in lines if line["kind"] == "network"), None)
    if network is None:
        return None
    micros = [_micro(line) for line in lines if line["kind"] == "micro"]
    updates = [
        Update(line["step"], line["optimizer"], tuple(line["groups"]), line["clipped_norm"])
        for line in lines
        if line["kind"] == "update" and line["rank"] == 0
    ]
    return Observed(
        network,
        {micro.place: micro for micro in micros},
        {update.step: update for update in updates},
    )


def _all_ranks(run: RunFolder, name: str) -> list[dict[str, Any]]:
    files = sorted(path.name for path in run.path.glob(f"{name}*.jsonl"))
    return [line for file in files for line in run.read_lines(file)]


def _micro(line: Mapping[str, Any]) -> Micro:
    return Micro(
        (line["step"], line["micro"], line["rank"]),
        line["length"],
        _rows(line["ids"]),
        _rows(line["labels"]),
        *(line.get(name) for name in ("loss", "nll", "tokens", "arithmetic")),
    )


def _rows(rows: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in rows)
