"""The levels of parity, from the same rows to the same task metrics, each with its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ftcore.comparison.pairs import PairDifference
from ftcore.comparison.record import TrainingRecord

Verdict = Literal["identical", "holds", "breaks", "not_measured"]

TITLES = {
    "L0": "same rows",
    "L1": "same tokens and labels",
    "L2": "same start",
    "L3": "same training",
    "L4": "same task metrics",
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """How far two trainings may be apart and still count as one.

    ``loss`` is in nats per token and absolute, ``grad_norm`` relative; None: reported only.
    ``why`` says where the bounds come from.
    """

    loss: float
    grad_norm: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Level:
    """One level's verdict: "identical" is to the bit, "holds" inside the envelope."""

    name: str
    verdict: Verdict
    sentence: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the level asks."""
        return TITLES[self.name]


def judge(
    records: Sequence[TrainingRecord], pairs: Sequence[PairDifference], envelope: Envelope
) -> list[Level]:
    """Return the verdicts of L0 to L3 over two or more trainings and all their pairs."""
    return [
        same_rows(records),
        same_tokens(records),
        same_start(records, envelope),
        same_training(records, pairs, envelope),
    ]


def first_break(levels: Sequence[Level]) -> str | None:
    """Return the first level that does not hold."""
    return next((level.name for level in levels if level.verdict == "breaks"), None)


def same_rows(records: Sequence[TrainingRecord]) -> Level:
    """L0: every backend was given one stream, in one order."""
    streams = {record.name: record.stream.hash for record in records}
    orders = {record.name: record.order.digest() for record in records}
    stream = records[0].stream
    numbers = {
        "rows": stream.rows("train"),
        "left_out": stream.account.tally.counts["train"].get("dropped", 0),
        "streams": streams,
        "orders": orders,
    }
    if len(set(streams.values())) > 1:
        return Level("L0", "breaks", f"the rows differ: {_split(streams)}", numbers)
    if len(set(orders.values())) > 1:
        return Level("L0", "breaks", f"the planned order differs: {_split(orders)}", numbers)
    count = f"{numbers['rows']} rows, one stream, one order"
    return Level("L0", "identical", count, numbers)


def same_tokens(records: Sequence[TrainingRecord]) -> Level:
    """L1: what every engine consumed is the stream, micro-batch by micro-batch."""
    numbers: dict[str, Any] = {"micro_batches": {}, "first_other_step": {}}
    broken = []
    for record in records:
        due = sum(place[0] < record.steps for place in record.expected)
        missed = record.missed()
        numbers["micro_batches"][record.name] = {"planned": due, "other": len(missed)}
        if missed:
            step = min(place[0] for place in missed) + 1
            numbers["first_other_step"][record.name] = step
            broken.append(
                f"{record.name} consumed something else in {len(missed)} of {due} micro-batches, "
                f"from step {max(step, 1)} on"
            )
    if broken:
        return Level("L1", "breaks", "; ".join(broken), numbers)
    due = sum(place[0] < records[0].steps for place in records[0].expected)
    sentence = f"{due} micro-batches, each with the stream's digest at the forward pass and loss"
    return Level("L1", "identical", sentence, numbers)


def same_start(records: Sequence[TrainingRecord], envelope: Envelope) -> Level:
    """L2: one set of trained tensors with one content, and the same first loss and gradients."""
    trained = {r.name: _trained(r) for r in records}
    numbers: dict[str, Any] = {
        "tensors": {name: len(found) for name, found in trained.items()},
        "first_loss": {r.name: _first(r, "loss") for r in records},
        "first_grad_norm": {r.name: _first(r, "grad_norm") for r in records},
    }
    reference = trained[records[0].name]
    for name, found in trained.items():
        if found.keys() != reference.keys():
            other = len(found.keys() ^ reference.keys())
            sentence = f"{name} trains other tensors than {records[0].name}: {other} differ"
            return Level("L2", "breaks", sentence, numbers)
        changed = [key for key in found if found[key] != reference[key]]
        if changed:
            sentence = (
                f"{name} starts from other values than {records[0].name} in {len(changed)} of "
                f"{len(found)} tensors"
            )
            return Level("L2", "breaks", sentence, numbers)
    words, verdict = [f"{len(reference)} tensors with the same bits"], "identical"
    for key, title in (("first_loss", "first loss"), ("first_grad_norm", "first gradient norm")):
        gap, relative = _spread(list(numbers[key].values()))
        numbers[f"{key}_apart"] = gap
        bound = envelope.loss if key == "first_loss" else envelope.grad_norm
        if gap:
            inside = bound is None or (gap if key == "first_loss" else relative) <= bound
            verdict = "breaks" if not inside else "holds" if verdict == "identical" else verdict
            words.append(f"{title} up to {gap:.2g} apart")
        else:
            words.append(f"{title} equal")
    return Level("L2", verdict, ", ".join(words), numbers)  # type: ignore[arg-type]


def same_training(
    records: Sequence[TrainingRecord], pairs: Sequence[PairDifference], envelope: Envelope
) -> Level:
    """L3: per-step losses, gradient norms and learning rates, and the final weights."""
    numbers: dict[str, Any] = {
        "steps": {record.name: record.steps for record in records},
        "loss": max(pair.loss.largest for pair in pairs),
        "grad_norm": max(pair.grad_norm.largest for pair in pairs),
        "grad_norm_relative": max(pair.grad_norm.relative for pair in pairs),
        "learning_rate": max(pair.learning_rate.largest for pair in pairs),
        "weights": max(pair.weights.largest for pair in pairs),
        "tensors_differing": max(pair.weights.differing for pair in pairs),
        "tensors": max(pair.weights.tensors for pair in pairs),
        "first_step": min((pair.first for pair in pairs if pair.first), default=None),
    }
    steps = records[0].steps
    if all(pair.same for pair in pairs):
        sentence = (
            f"{steps} steps: losses, gradient norms, learning rates and all "
            f"{numbers['tensors']} final tensors are the same to the bit"
        )
        return Level("L3", "identical", sentence, numbers)
    what = (
        f"loss up to {numbers['loss']:.2g} apart, gradient norm {numbers['grad_norm']:.2g}, "
        f"{numbers['tensors_differing']} of {numbers['tensors']} final tensors up to "
        f"{numbers['weights']:.2g}; from step {numbers['first_step'] or '-'} on"
    )
    inside = all(_inside(pair, envelope) for pair in pairs)
    bounds = f"the bound is {envelope.loss:.2g} ({envelope.why})"
    verdict: Verdict = "holds" if inside else "breaks"
    return Level("L3", verdict, f"{what}; {bounds}", numbers)


def _inside(pair: PairDifference, envelope: Envelope) -> bool:
    """Whether a pair is inside the envelope, with the same rates and the same tensors."""
    norms = envelope.grad_norm is None or pair.grad_norm.relative <= envelope.grad_norm
    rates = pair.learning_rate.relative <= 1e-9 and not pair.weights.unpaired
    return pair.loss.largest <= envelope.loss and norms and rates


def _trained(record: TrainingRecord) -> dict[str, str]:
    """Return the digest of every trained tensor at the start, by name; {} where none was seen."""
    if record.observed is None:
        return {}
    trained = record.observed.network["trained"]
    return {name: f"{found['dtype']} {found['digest']}" for name, found in trained.items()}


def _first(record: TrainingRecord, name: str) -> float | None:
    return getattr(record.points[0], name) if record.points else None


def _spread(values: Sequence[float | None]) -> tuple[float, float]:
    """Return how far values are apart: absolutely, and relative to the largest."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return (0.0, 0.0) if not known else (float("inf"), float("inf"))
    gap = max(known) - min(known)
    size = max(map(abs, known))
    return gap, gap / size if size else gap


def _split(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value[:12]}" for name, value in values.items())
