"""The one sentence that a certificate comes down to."""

from __future__ import annotations

from collections.abc import Sequence

from ftcore.comparison.findings import Finding
from ftcore.comparison.levels import TITLES, Envelope, Level, first_break
from ftcore.comparison.record import TrainingRecord


def sentence_of(
    records: Sequence[TrainingRecord],
    levels: Sequence[Level],
    findings: Sequence[Finding],
    envelope: Envelope,
) -> str:
    """Return what came out, and why, in one sentence."""
    who = listed([record.name for record in records])
    broken = first_break(levels)
    if broken is not None:
        why = "; ".join(finding.in_words() for finding in findings)
        level = next(level for level in levels if level.name == broken)
        return f"Parity breaks at {broken} ({TITLES[broken]}): {why or level.sentence}."
    steps = records[0].steps
    if all(level.verdict in ("identical", "not_measured") for level in levels):
        return f"{who} trained {steps} steps to the same bits."
    training = next(level for level in levels if level.name == "L3")
    text = f"{who} trained {steps} steps within {envelope.loss:.2g} of each other: "
    text += training.sentence.partition(";")[0]
    if findings:
        text += "; " + "; ".join(finding.in_words() for finding in findings)
    return text + "."


def listed(names: Sequence[str]) -> str:
    """Return names as words: a, b and c."""
    named = [f"the {name} loop" if name == "plain" else name for name in names]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
