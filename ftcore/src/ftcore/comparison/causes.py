"""L2 and L3 explained by looking: what a training's live objects show that another one's do not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ftcore.comparison.findings import Finding
from ftcore.comparison.normalisation import other_normalisation
from ftcore.comparison.record import Observed, TrainingRecord
from ftcore.comparison.schedules import other_schedule
from ftcore.comparison.switches import setting

PRECISIONS = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
# The optimizer's options that decide numbers, with what to call them; the rest decide kernels.
OPTIONS = {
    "weight_decay": "weight-decay",
    "betas": "betas",
    "eps": "epsilon",
    "amsgrad": "optimizer",
    "maximize": "optimizer",
    "decoupled_weight_decay": "optimizer",
}
KERNELS = ("foreach", "fused", "capturable")

Look = Callable[[TrainingRecord, TrainingRecord], Iterator[Finding]]


def explain_training(record: TrainingRecord, reference: TrainingRecord) -> list[Finding]:
    """Return every way in which ``record`` is seen to train differently from ``reference``.

    Needs what the workers wrote down; without it nothing is found.
    """
    if record.observed is None or reference.observed is None:
        return []
    looks: tuple[Look, ...] = (
        other_tensors,
        own_loss,
        other_precision,
        other_dropout,
        other_attention,
        other_padding,
        other_normalisation,
        other_schedule,
        other_optimizer,
        other_clipping,
        other_kernels,
    )
    return [finding for look in looks for finding in look(record, reference)]


def seen(record: TrainingRecord) -> Observed:
    """Return what was observed; only records that were observed get here."""
    assert record.observed is not None
    return record.observed


def other_tensors(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether other tensors are trained, or the same ones from other values."""
    mine, theirs = (seen(r).network["trained"] for r in (record, reference))
    if mine.keys() != theirs.keys():
        more, fewer = len(mine.keys() - theirs.keys()), len(theirs.keys() - mine.keys())
        text = f"trains {more} tensors that {reference.name} does not, and leaves out {fewer}"
        touches = {"tensors": (more + fewer, len(mine.keys() | theirs.keys()))}
        yield Finding("trained-tensors", "L2", record.name, text, touches)
    shared = mine.keys() & theirs.keys()
    same_type = [name for name in shared if mine[name]["dtype"] == theirs[name]["dtype"]]
    changed = [name for name in same_type if mine[name]["digest"] != theirs[name]["digest"]]
    if changed:
        text = "starts from another initial adapter"
        touches = {"tensors": (len(changed), len(shared))}
        yield Finding("initial-weights", "L2", record.name, text, touches)


def own_loss(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether losses are computed that the recipe lets the engines choose."""
    kinds = {"engine": "its engine's own loss", "standard": "the standard loss"}
    mine, theirs = (r.settings["loss"] for r in (record, reference))
    if mine != theirs or (mine == "engine" and record.backend != reference.backend):
        text = f"computes {kinds[mine]} where {reference.name} computes {kinds[theirs]}"
        steps = {"steps": (record.steps, record.steps)}
        yield Finding("own-loss", "L2", record.name, text, steps)


def other_precision(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether the layers compute, or the weights are held, in another type."""
    steps = {place[0] for place in seen(record).micros}
    mine, theirs = (_arithmetic(r) for r in (record, reference))
    held, wanted = (_held(r) for r in (record, reference))
    if mine != theirs:
        text = f"computes in {mine} where {reference.name} computes in {theirs}"
        switch: dict[str, Any] | None = None
        if mine in PRECISIONS:
            switch = setting(precision=PRECISIONS[mine])
            if held["frozen"] != wanted["frozen"] and len(held["frozen"]) == 1:
                switch["dtype"] = held["frozen"][0]
        touches = {"steps": (len(steps), record.steps)}
        yield Finding("precision", "L2", record.name, text, touches, switch)
        return
    for part in ("trained", "frozen"):
        if held[part] != wanted[part]:
            names, others = (" and ".join(h[part]) or "none" for h in (held, wanted))
            text = f"holds the {part} weights in {names} where {reference.name} has {others}"
            switch = {"dtype": names} if part == "frozen" and names in PRECISIONS else None
            yield Finding("precision", "L2", record.name, text, {}, switch)


def other_dropout(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether other dropout layers are active."""
    mine, theirs = (seen(r).network["dropout"] for r in (record, reference))
    if mine != theirs:
        text = f"has dropout {_counted(mine)} where {reference.name} has {_counted(theirs)}"
        yield Finding("dropout", "L2", record.name, text)


def other_attention(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether attention is computed by another implementation."""
    mine, theirs = (seen(r).network["attention"] for r in (record, reference))
    if mine != theirs:
        text = f"computes attention by {mine} where {reference.name} does by {theirs}"
        yield Finding("attention", "L2", record.name, text)


def other_padding(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether the same rows are padded to other lengths."""
    mine, theirs = seen(record).micros, seen(reference).micros
    shared = [p for p in mine if p in theirs and mine[p].ids == theirs[p].ids]
    other = [place for place in shared if mine[place].length != theirs[place].length]
    if not other:
        return
    first = other[0]
    text = (
        f"pads to other lengths than {reference.name}, "
        f"{mine[first].length} instead of {theirs[first].length} in the first such micro-batch"
    )
    fits = [n for n in (1, 8, 16, 32, 64, 128) if all(mine[p].length % n == 0 for p in mine)]
    switch = setting(padding_multiple=fits[-1]) if fits else None
    touches = {"micro-batches": (len(other), len(shared))}
    yield Finding("padding", "L2", record.name, text, touches, switch)


def other_optimizer(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say which of the live optimizer's settings differ, with the tensors that they concern."""
    mine, theirs = seen(record).updates, seen(reference).updates
    steps = sorted(mine.keys() & theirs.keys())
    if not steps:
        return
    first, other = mine[steps[0]], theirs[steps[0]]
    if first.optimizer != other.optimizer:
        text = f"steps with {first.optimizer} where {reference.name} does with {other.optimizer}"
        yield Finding("optimizer", "L3", record.name, text, {"steps": (len(steps), len(steps))})
        return
    for name, code in OPTIONS.items():
        values, wanted = (_by_value(update.groups, name) for update in (first, other))
        if values == wanted:
            continue
        moved = sum(n for value, n in values.items() if wanted.get(value) != n)
        words = " and ".join(str(value) for value in values)
        instead = " and ".join(str(value) for value in wanted)
        text = f"has {name.replace('_', ' ')} {words} in its optimizer instead of {instead}"
        touches = {"tensors": (moved, sum(values.values())), "steps": (len(steps), len(steps))}
        switch = _option_switch(name, first.groups)
        yield Finding(code, "L3", record.name, text, touches, switch)


def other_clipping(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say whether gradients of the same norm reach the optimizer with another one."""
    mine, theirs = seen(record).updates, seen(reference).updates
    norms, wanted = (dict(enumerate(r.curve("grad_norm"))) for r in (record, reference))
    other = [
        step
        for step in mine.keys() & theirs.keys()
        if not _near(mine[step].clipped_norm, theirs[step].clipped_norm)
        and _near(norms.get(step), wanted.get(step))
    ]
    if not other:
        return
    first = min(other)
    text = (
        f"hands the optimizer gradients of norm {mine[first].clipped_norm:.4g} where "
        f"{reference.name} hands it {theirs[first].clipped_norm:.4g}, from the same gradients"
    )
    limit = 0.0 if _near(mine[first].clipped_norm, norms.get(first)) else mine[first].clipped_norm
    switch = setting(max_grad_norm=limit)
    touches = {"steps": (len(other), record.steps)}
    yield Finding("clipping", "L3", record.name, text, touches, switch)


def other_kernels(record: TrainingRecord, reference: TrainingRecord) -> Iterator[Finding]:
    """Say what moves last bits only: fused optimizers, threads."""
    mine, theirs = seen(record), seen(reference)
    steps = mine.updates.keys() & theirs.updates.keys()
    for name in KERNELS if steps else ():
        groups, wanted = (s.updates[min(steps)].groups[0].get(name) for s in (mine, theirs))
        if bool(groups) != bool(wanted):
            text = f"has {name} = {groups} in its optimizer instead of {wanted}"
            yield Finding("kernels", "L3", record.name, text)
    for name in ("threads", "deterministic"):
        if mine.network[name] != theirs.network[name]:
            text = f"has {name} = {mine.network[name]} instead of {theirs.network[name]}"
            yield Finding("kernels", "L3", record.name, text)


def _arithmetic(record: TrainingRecord) -> str:
    kinds = {m.arithmetic for m in seen(record).micros.values() if m.arithmetic}
    return " and ".join(sorted(kinds)) or "an unknown type"


def _held(record: TrainingRecord) -> dict[str, list[str]]:
    network = seen(record).network
    trained = {found["dtype"] for found in network["trained"].values()}
    return {"trained": sorted(trained), "frozen": sorted(network["frozen"])}


def _counted(dropout: Mapping[str, int]) -> str:
    return " and ".join(f"{p} in {n} layers" for p, n in dropout.items()) or "none"


def _by_value(groups: tuple[Mapping[str, Any], ...], name: str) -> dict[Any, int]:
    """Return how many tensors have each value of an option."""
    found: dict[Any, int] = {}
    for group in groups:
        value = group.get(name)
        key = tuple(value) if isinstance(value, list) else value
        found[key] = found.get(key, 0) + int(group["tensors"])
    return found


def _option_switch(name: str, groups: tuple[Mapping[str, Any], ...]) -> dict[str, Any] | None:
    """Return what makes the plain loop's optimizer the same, for what it can be told."""
    largest = max(groups, key=lambda group: int(group["tensors"]))
    if name == "weight_decay":
        return setting(weight_decay=largest[name])
    if name == "betas":
        return setting(beta1=largest[name][0], beta2=largest[name][1])
    return setting(epsilon=largest[name]) if name == "eps" else None


def _near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-12)
