"""Names what an engine divides its loss by, from the sums and token counts of its micro-batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ftcore.comparison.findings import Finding
from ftcore.comparison.record import TrainingRecord
from ftcore.comparison.switches import Switch, option

Part = tuple[float, int]  # sum in nats, tokens
TOLERANCE = 1e-4
WORDS: Mapping[str, str] = {
    "mean_of_means": "averages the micro-batches' mean losses instead of dividing by the "
    "supervised tokens of the whole accumulation group",
    "sum_of_means": "adds up the micro-batches' mean losses instead of dividing by the supervised "
    "tokens of the whole accumulation group",
    "sum": "sums the loss over the group's tokens instead of dividing by their number",
}


def other_normalisation(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether the step's loss is another mean than the group's, where it can be told."""
    groups = summed(record)
    telling = [n for n, parts in groups.items() if _differ(parts)]
    reported = dict(enumerate(record.curve("loss")))
    for kind, text in WORDS.items():
        fits = [
            step
            for step in telling
            if _near(reported.get(step), means(groups[step])[kind])
            and not _near(reported.get(step), means(groups[step])["group"])
        ]
        if fits and len(fits) == len(telling):
            touches = {"steps": (len(fits), record.steps)}
            switch: Switch | None = None if kind == "sum" else option(normalisation=kind)
            yield Finding("normalisation", "L2", record.name, text, touches, switch)
            return


def summed(record: TrainingRecord) -> dict[int, list[Part]]:
    """Return the sum and the tokens of every micro-batch, by step; only steps that are complete."""
    assert record.observed is not None
    found: dict[int, list[Part]] = {}
    incomplete = set()
    for (step, _, _), micro in sorted(record.observed.micros.items()):
        if micro.nll is None or not micro.tokens:
            incomplete.add(step)
        else:
            found.setdefault(step, []).append((micro.nll, micro.tokens))
    return {step: parts for step, parts in found.items() if step not in incomplete}


def means(parts: Sequence[Part]) -> dict[str, float]:
    """Return the loss of a step by each way of dividing."""
    total, tokens = sum(s for s, _ in parts), sum(n for _, n in parts)
    each = [s / n for s, n in parts]
    return {
        "group": total / tokens,
        "mean_of_means": sum(each) / len(each),
        "sum_of_means": sum(each),
        "sum": total,
    }


def _differ(parts: Sequence[Part]) -> bool:
    """Whether a step tells the ways of dividing apart."""
    found = means(parts)
    return len(parts) > 1 and not _near(found["group"], found["mean_of_means"])


def _near(one: float | None, other: float) -> bool:
    return one is not None and abs(one - other) <= TOLERANCE * max(abs(one), abs(other))
