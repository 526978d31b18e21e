"""Finds what a difference is: first by looking, then by doing the same in the plain loop.

The plain loop is the arbiter: what differs from it is explained. A cause is tried out by having the
loop do just that, and training again: if the curves meet, that is the whole difference. Where
looking finds nothing, or not everything, one thing after the other is switched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ftcore.comparison.causes import explain_training
from ftcore.comparison.findings import Finding
from ftcore.comparison.pairs import PairDifference, apart
from ftcore.comparison.record import TrainingRecord
from ftcore.comparison.rows_seen import Decode, explain_rows
from ftcore.comparison.switches import Switch, catalogue, merged
from ftcore.engine.parity.plain import PLAIN
from ftcore.engine.parity.trainings import Workplace, switched, train
from ftcore.engine.prepare import Prepared
from ftcore.errors import BackendFailed

# Per-step losses that met; or all but a hundredth of what they were apart is explained.
MET, MOST = 1e-6, 0.01


class Bisector:
    """Explains each training of a comparison that is not like the arbiter.

    ``try_out`` says whether causes are tried out by training again, which costs a run each.
    """

    def __init__(self, arbiter: Prepared | None, workplace: Workplace, *, try_out: bool) -> None:
        self.arbiter = arbiter
        self.workplace = workplace
        self.try_out = try_out and arbiter is not None

    def explain(
        self, records: Sequence[TrainingRecord], pairs: Sequence[PairDifference]
    ) -> list[Finding]:
        """Return what is found, those of the first level that breaks first."""
        reference = self.reference(records, pairs)
        found = [
            finding
            for record in records
            if record is not reference and self.differs(record, reference)
            for finding in self.explain_one(record, reference)
        ]
        return sorted(found, key=lambda finding: finding.level)

    def reference(
        self, records: Sequence[TrainingRecord], pairs: Sequence[PairDifference]
    ) -> TrainingRecord:
        """Return the training that the others are explained against.

        The plain loop, trained for it if need be; where it cannot be, the one that most others
        equal, and of these the first that kept all guarantees.
        """
        for record in records:
            if record.name == PLAIN:
                return record
        if self.try_out and self.arbiter is not None:
            self.workplace.observer.notice("the trainings differ; the plain loop decides")
            try:
                return train(self.arbiter, self.workplace, name=PLAIN)
            except BackendFailed as error:
                self.workplace.observer.notice(f"the plain loop cannot run here: {error.message}")
                self.try_out = False
        equal = {record.name: 0 for record in records}
        for pair in pairs:
            for name in (pair.one, pair.other) if pair.same else ():
                equal[name] += 1
        return max(records, key=lambda r: (equal[r.name], not r.missed(), not r.errors))

    def differs(self, record: TrainingRecord, reference: TrainingRecord) -> bool:
        """Whether two trainings are not the same, by rows or by curves."""
        same = all(
            record.curve(name) == reference.curve(name)
            for name in ("loss", "grad_norm", "learning_rate")
        )
        return bool(record.missed()) or not same

    def explain_one(self, record: TrainingRecord, reference: TrainingRecord) -> list[Finding]:
        """Return why one training is not like the reference."""
        found = explain_rows(record, self.decode())
        found += self.not_of_the_rows(record, reference, bool(found))
        if not self.try_out:
            return found or [unexplained(record, reference)]
        known = [finding.switch for finding in found if finding.switch is not None]
        before = distance(record, reference)
        left = self.left(record, known) if known else before
        if met(left, before) and known:
            return [confirm(f, left) for f in found]
        if known and left < before:
            found = [replace(finding, left=left) for finding in found]
        further = self.switch_one_by_one(record, known, min(left, before))
        return [*found, *further] if found or further else [unexplained(record, reference)]

    def not_of_the_rows(
        self, record: TrainingRecord, reference: TrainingRecord, other_rows: bool
    ) -> list[Finding]:
        """Return what is seen besides the rows; other rows have other losses and lengths."""
        follows = ("padding", "normalisation", "clipping") if other_rows else ()
        return [f for f in explain_training(record, reference) if f.code not in follows]

    def switch_one_by_one(
        self, record: TrainingRecord, known: Sequence[Switch], before: float
    ) -> list[Finding]:
        """Return the first switch with which the curves meet, else the one that helps most."""
        best: Finding | None = None
        for finding in self.candidates(record):
            assert finding.switch is not None
            self.workplace.observer.notice(f"trying out: {record.name} {finding.sentence}?")
            left = self.left(record, [*known, finding.switch])
            if met(left, before):
                return [confirm(finding, left)]
            if left < 0.1 * before and (best is None or best.left is None or left < best.left):
                best = replace(finding, left=left, confirmed=False)
        return [best] if best else []

    def candidates(self, record: TrainingRecord) -> Iterator[Finding]:
        """Yield what may be the cause though nothing of it is seen."""
        steps = {"steps": (record.steps, record.steps)}
        for code, level, sentence, switch in catalogue(record.settings):
            yield Finding(code, level, record.name, sentence, steps, switch)

    def left(self, record: TrainingRecord, switches: Sequence[Switch]) -> float:
        """Return how far the plain loop is from ``record`` with these switches (largest loss)."""
        assert self.arbiter is not None
        prepared = switched(self.arbiter, merged(switches))
        try:
            other = train(prepared, self.workplace, name=f"{PLAIN}, switched")
        except BackendFailed as error:
            self.workplace.observer.notice(f"that cannot be tried out: {error.message}")
            return float("inf")
        return distance(record, other)

    def decode(self) -> Decode:
        """Return a function from token ids to text, special tokens included."""
        if self.arbiter is None:
            return lambda ids: " ".join(map(str, ids))
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.arbiter.model.folder / "tokenizer.json"))
        return lambda ids: str(tokenizer.decode(list(ids), skip_special_tokens=False))


def distance(record: TrainingRecord, other: TrainingRecord) -> float:
    """Return the largest difference of the per-step losses, in nats per token."""
    return apart(record.curve("loss"), other.curve("loss")).largest


def met(left: float, before: float) -> bool:
    """Whether what is left is nothing, or next to nothing of what it was."""
    return left <= MET or left <= MOST * before


def confirm(finding: Finding, left: float) -> Finding:
    """Return a finding as confirmed, if it was tried out."""
    return replace(finding, confirmed=finding.switch is not None or None, left=left)


def unexplained(record: TrainingRecord, reference: TrainingRecord) -> Finding:
    """Return what is said where nothing is found: where the curves part."""
    losses, norms = (
        apart(record.curve(name), reference.curve(name)).first for name in ("loss", "grad_norm")
    )
    step = min((n for n in (losses, norms) if n), default=1)
    part = "loss" if losses == step else "gradient norm"
    text = (
        f"has the same rows, start, optimizer and rates as {reference.name}, and another {part} "
        f"from step {step} on: the operation lies in the "
        + ("forward pass or the loss" if part == "loss" else "backward pass")
    )
    if step > 1 and part == "loss":
        text = (
            f"has the same rows, start and first loss as {reference.name}, and another loss from "
            f"step {step} on: the operation lies in the backward pass or the optimizer's step"
        )
    touches = {"steps": (record.steps - step + 1, record.steps)}
    return Finding("unknown", "L3", record.name, text, touches)
