"""A parity certificate as tables and lines."""

from __future__ import annotations

from collections.abc import Iterator

from ftcore.comparison.certificate import Certificate, Side
from ftcore.display.facts import text_grid
from ftcore.report.grid import Cell, Column, Grid, Tone
from ftcore.report.numbers import duration

WORDS: dict[str, tuple[str, Tone]] = {
    "identical": ("the same to the bit", "good"),
    "holds": ("holds", "good"),
    "breaks": ("BREAKS", "bad"),
    "not_measured": ("not measured", "even"),
}
# The packages that tell engines apart; the certificate has all of them.
SHOWN = ("torch", "transformers", "peft", "trl", "ms-swift", "llamafactory")


def levels_grid(certificate: Certificate) -> Grid:
    """Return the levels with their verdicts."""
    columns = tuple(Column(name, number=False) for name in ("Level", "", "Verdict", "Finding"))
    rows = []
    for level in certificate.levels:
        words, tone = WORDS[level.verdict]
        verdict = Cell("", words=words, tone=tone)
        rows.append((Cell(level.name), Cell(level.title), verdict, Cell(level.sentence)))
    return Grid(columns, tuple(rows))


def sides_grid(certificate: Certificate) -> Grid:
    """Return the trainings with their versions and losses."""
    titles = ("Backend", "Versions", "First loss", "Last loss", "Weights", "Time")
    return text_grid(titles, [_side(side) for side in certificate.sides])


def certificate_lines(certificate: Certificate) -> Iterator[str]:
    """Yield the certificate's sentence, its findings and its notes."""
    yield certificate.sentence
    for finding in certificate.findings:
        yield f"  {finding.level} {finding.code}: {finding.in_words()}"
    for note in certificate.notes:
        yield f"note: {note}"


def _side(side: Side) -> tuple[str, ...]:
    shown = [f"{name} {side.versions[name]}" for name in SHOWN if name in side.versions]
    ends = (side.loss[:1] or (None,))[0], (side.loss[-1:] or (None,))[0]
    losses = ("" if loss is None else f"{loss:.9f}" for loss in ends)
    return (side.name, ", ".join(shown), *losses, side.adapter[:12], duration(side.seconds))
