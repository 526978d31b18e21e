"""`ft parity verify`: the trainings of a certificate done again, and held against what it says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ftcore.comparison.certificate import Certificate
from ftcore.comparison.levels import Verdict
from ftcore.engine.parity.check import certify
from ftcore.engine.parity.trainings import Workplace

ORDER: tuple[Verdict, ...] = ("breaks", "holds", "identical")
SHARED = ("recipe_text", "model_fingerprint", "stream", "order")
NAMES = {
    "recipe_text": "the recipe's text",
    "model_fingerprint": "the model's weights",
    "stream": "the stream of rows",
    "order": "the order of rows",
}


@dataclass(frozen=True)
class Verification:
    """A certificate and its trainings done again.

    ``problems`` say why it is not confirmed; ``notes`` what else is other than then, such as
    versions; ``same_bits`` whether each side ended with the weights that it had then.
    """

    certificate: Certificate
    again: Certificate
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    same_bits: bool

    @property
    def confirmed(self) -> bool:
        """Whether parity holds now as the certificate says that it did."""
        return not self.problems


def verify(path: Path, workplace: Workplace) -> Verification:
    """Do the trainings of the certificate in ``path`` again.

    Raises `DataError` for a file that is no certificate, and what `certify` raises.
    """
    certificate = Certificate.load(path)
    again = certify(certificate.asked, replace(workplace, fresh=True))
    return Verification(
        certificate,
        again,
        tuple(find_problems(certificate, again)),
        tuple(find_changes(certificate, again)),
        [side.adapter for side in certificate.sides] == [side.adapter for side in again.sides],
    )


def find_problems(certificate: Certificate, again: Certificate) -> list[str]:
    """Return why a certificate is not confirmed: other inputs, worse levels, or no parity."""
    problems = [
        f"{NAMES[name]} is not what it was"
        for name in SHARED
        if certificate.used.get(name) != again.used.get(name)
    ]
    for before, now in zip(certificate.levels, again.levels, strict=True):
        if rank(now.verdict) < rank(before.verdict):
            problems.append(f"{now.name} was {before.verdict} and is {now.verdict}: {now.sentence}")
    if not again.holds and not problems:
        problems.append(f"parity does not hold, as the certificate says: {again.sentence}")
    return problems


def find_changes(certificate: Certificate, again: Certificate) -> list[str]:
    """Return what else is other than then: ft, locks, versions, code."""
    changes = []
    if certificate.ft != again.ft:
        changes.append(f"ft was {certificate.ft}, is {again.ft}")
    for before, now in zip(certificate.sides, again.sides, strict=True):
        for name in sorted({*before.versions, *now.versions}):
            versions = before.versions.get(name, "none"), now.versions.get(name, "none")
            if versions[0] != versions[1]:
                changes.append(f"{now.name}: {name} was {versions[0]}, is {versions[1]}")
        if before.lock != now.lock:
            changes.append(f"{now.name}: the lock is another one")
        if before.code != now.code:
            changes.append(f"{now.name}: ft's code in the worker is other code")
    return changes


def rank(verdict: Verdict) -> int:
    """Return how good a verdict is; what was not measured says nothing."""
    return ORDER.index(verdict) if verdict in ORDER else len(ORDER)
