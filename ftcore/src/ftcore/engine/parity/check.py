"""`ft parity`: the recipe's first steps on every backend, judged level by level."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ftcore._version import __version__
from ftcore.comparison.certificate import Asked, Certificate, Side
from ftcore.comparison.findings import Finding
from ftcore.comparison.levels import Envelope, Level, first_break, judge
from ftcore.comparison.metrics import NOT_MEASURED, same_metrics
from ftcore.comparison.pairs import PairDifference, compare_pair
from ftcore.comparison.record import TrainingRecord
from ftcore.comparison.weights import weights_digest
from ftcore.engine.opening import use_plugins
from ftcore.engine.parity.bisect import Bisector
from ftcore.engine.parity.planning import Comparison, plan_comparison
from ftcore.engine.parity.trainings import Workplace, other_seed, stored_lock, train
from ftcore.engine.parity.words import sentence_of
from ftcore.engine.prepare import Prepared
from ftcore.runs.listing import find_run

STRICT_LOSS, ENGINE_LOSS = 1e-6, 1e-4
# How far rounding alone takes a loss within tens of steps, by arithmetic (nats per token).
ROUNDING = {"fp32": 1e-4, "bf16": 2e-2, "fp16": 1e-2}


def certify(asked: Asked, workplace: Workplace) -> Certificate:
    """Train, compare and explain; return the certificate, whether parity holds or not."""
    plugins = use_plugins()
    workplace.observer.phase("prepare")
    comparison = plan_comparison(asked, plugins, workplace)
    workplace = replace(workplace, deterministic=asked.mode == "strict")
    runs = comparison.prepared
    records = [train(prepared, workplace, name=name) for name, prepared in runs.items()]
    envelope = envelope_of(comparison, records[0], workplace)
    pairs = [compare_pair(one, other) for one, other in itertools.combinations(records, 2)]
    levels = judge(records, pairs, envelope)
    findings = explain(comparison, records, pairs, levels, workplace)
    levels.append(stored_metrics(asked.runs, workplace.runs))
    return Certificate(
        ft=__version__,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        asked=comparison.asked,
        pins=comparison.pins,
        used=used(comparison.first),
        envelope=envelope,
        sides=tuple(side(record) for record in records),
        pairs=tuple(pairs),
        levels=tuple(levels),
        findings=tuple(findings),
        notes=comparison.notes,
        sentence=sentence_of(records, levels, findings, envelope),
    )


def envelope_of(comparison: Comparison, first: TrainingRecord, workplace: Workplace) -> Envelope:
    """Return how far the trainings may be apart; in normal mode a second seed is trained."""
    prepared = comparison.first
    settings = prepared.settings
    own = any(run.settings.loss == "engine" for run in comparison.prepared.values())
    if comparison.asked.mode == "strict":
        if own:
            return Envelope(ENGINE_LOSS, None, "each engine's own loss rounds in its own way")
        return Envelope(STRICT_LOSS, STRICT_LOSS, "strict: to the bit, or the operation is named")
    floor = ROUNDING[settings.precision]
    second = train(other_seed(prepared), workplace, name=f"{first.name}, next seed")
    apart = compare_pair(first, second).loss.largest
    why = (
        f"two seeds of {first.name} on the same rows in the same order are {apart:.2g} apart; "
        f"rounding in {settings.precision} is allowed {floor:g}"
    )
    return Envelope(max(floor, apart), None, why)


def explain(
    comparison: Comparison,
    records: Sequence[TrainingRecord],
    pairs: Sequence[PairDifference],
    levels: Sequence[Level],
    workplace: Workplace,
) -> list[Finding]:
    """Say what the differences are, if there are any; what breaks a level is also tried out."""
    if all(pair.same for pair in pairs) and first_break(levels) is None:
        return []
    broken = first_break(levels) is not None
    bisector = Bisector(comparison.arbiter, workplace, try_out=broken)
    return bisector.explain(records, pairs)


def stored_metrics(runs: Sequence[str], root: Path) -> Level:
    """Judge L4 on stored runs, where two or more are given."""
    if len(runs) < 2:
        return NOT_MEASURED
    return same_metrics([find_run(name, root).path for name in runs])


def used(prepared: Prepared) -> dict[str, Any]:
    """Return what all sides share: model, stream, order, device, settings."""
    stream = prepared.stream
    return {
        "model": prepared.model.id,
        "model_fingerprint": prepared.model.fingerprint,
        "stream": stream.hash,
        "order": prepared.order.digest(),
        "rows": stream.rows("train"),
        "tokens": stream.tokens("train"),
        "supervised_tokens": stream.supervised_tokens("train"),
        "longest": int(stream.lengths("train").max()),
        "device": prepared.device,
        "threads": prepared.loaded.recipe.launch.threads,
        "recipe_text": prepared.loaded.text,
        "settings": asdict(prepared.settings),
    }


def side(record: TrainingRecord) -> Side:
    """Return a training as the certificate keeps it."""
    return Side(
        name=record.name,
        run=str(record.folder),
        versions=record.versions,
        lock=stored_lock(record),
        environment=str(record.environment.get("key", "")),
        code=str(record.environment.get("code", "")),
        steps=record.steps,
        seconds=record.seconds,
        adapter=weights_digest(record.weights),
        loss=tuple(record.curve("loss")),
        grad_norm=tuple(record.curve("grad_norm")),
        learning_rate=tuple(record.curve("learning_rate")),
        errors=record.errors,
    )
