"""The errors of a run as its files hold them, and the rows that the report shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftcore.report.examples import evenly_spaced, shared_out

MOST_SHOWN = 6


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A wrong or broken test row: its line of ``rows.jsonl`` and of ``errors.jsonl``.

    ``number`` counts test rows from 1; ``stage`` is the one whose answer has the row's cause.
    """

    number: int
    row: Mapping[str, Any]
    errors: Mapping[str, Any]
    stage: str


@dataclass(frozen=True, slots=True)
class Errors:
    """The counts of ``metrics.json`` and some of the rows that are wrong at the end."""

    counts: Mapping[str, Any]
    shown: tuple[ErrorRow, ...]
    wrong: int


def choose_errors(
    rows: Sequence[Mapping[str, Any]],
    errors: Sequence[Mapping[str, Any]],
    counts: Mapping[str, Any],
    wanted: int,
) -> Errors:
    """Choose at most ``wanted`` wrong rows.

    They are grouped by state and main cause; each group gets a share in proportion to its size, at
    least one row, evenly spaced in the file.
    """
    places = {row["row_id"]: number for number, row in enumerate(rows)}
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in errors:
        if line["cause"] is not None and line["row_id"] in places:
            groups.setdefault((line["state"], line["cause"]), []).append(line)
    sizes = {group: len(found) for group, found in groups.items()}
    shares = shared_out(min(wanted, MOST_SHOWN), sizes)
    chosen = [
        found[place]
        for group, found in groups.items()
        for place in evenly_spaced(len(found), shares[group])
    ]
    shown = [
        ErrorRow(number + 1, rows[number], line, list(line["causes"])[-1])
        for number, line in sorted((places[line["row_id"]], line) for line in chosen)
    ]
    return Errors(counts, tuple(shown), sum(sizes.values()))
