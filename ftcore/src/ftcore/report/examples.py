"""Chooses the predictions that a report shows, by a rule that the report states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

K = TypeVar("K")
Outcome = Literal["better", "worse", "same", "unscored"]
WORDS: dict[Outcome, str] = {
    "better": "better",
    "worse": "worse",
    "same": "unchanged",
    "unscored": "no score of its own",
}


@dataclass(frozen=True, slots=True)
class ShownExample:
    """One test row with every answer; ``number`` counts test rows from 1.

    ``question`` is the prompt's last user turn, ``turns`` the number of the prompt's user turns;
    ``scores`` the main metric on this row alone (None where it is undefined).
    """

    number: int
    row_id: str
    source: str
    question: str
    turns: int
    reference: str
    answers: Mapping[str, str | None]
    scores: Mapping[str, float | None]
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Examples:
    """The chosen rows in the order of the test file, out of ``total``.

    ``counts`` says how many of all test rows had each outcome, empty where there is nothing to
    compare with; then the rows are evenly spaced over the file.
    """

    shown: tuple[ShownExample, ...]
    total: int
    counts: Mapping[Outcome, int]
    baseline: str | None


def choose_examples(
    rows: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any], wanted: int
) -> Examples:
    """Choose ``wanted`` rows of ``predictions/rows.jsonl``.

    Rows are grouped by whether the main metric on the row alone is better, worse or the same
    after training as before (else as few-shot). Each group gets a share in proportion to its
    size, at least one; inside a group the rows are evenly spaced over the test file.
    """
    values = _row_values(metrics)
    baseline = next((stage for stage in ("before", "few_shot") if stage in values), None)
    compared = baseline is not None and "after" in values
    outcomes: list[Outcome | None] = [None] * len(rows)
    if compared and baseline is not None:
        sign = 1 if _higher_is_better(metrics) else -1
        first, second = values[baseline], values["after"]
        outcomes = [_outcome(first.get(r["row_id"]), second.get(r["row_id"]), sign) for r in rows]
    groups: dict[Outcome | None, list[int]] = {}
    for number, outcome in enumerate(outcomes):
        groups.setdefault(outcome, []).append(number)
    shares = shared_out(wanted, {outcome: len(found) for outcome, found in groups.items()})
    chosen = sorted(
        found[place]
        for outcome, found in groups.items()
        for place in evenly_spaced(len(found), shares[outcome])
    )
    shown = tuple(_example(number, rows[number], values, outcomes[number]) for number in chosen)
    counts = {outcome: len(groups[outcome]) for outcome in WORDS if compared and outcome in groups}
    return Examples(shown, len(rows), counts, baseline if compared else None)


def evenly_spaced(total: int, wanted: int) -> list[int]:
    """Return ``wanted`` places of ``total``, the middles of equal parts; all when there are few."""
    wanted = min(total, wanted)
    return [(2 * part + 1) * total // (2 * wanted) for part in range(wanted)]


def shared_out(wanted: int, sizes: Mapping[K, int]) -> dict[K, int]:
    """Deal ``wanted`` places to groups in proportion to their sizes, first one to each group.

    Largest remainders get what is left; no group gets more than its size. Where there are fewer
    places than groups, the largest groups come first.
    """
    total = sum(sizes.values())
    wanted = min(wanted, total)
    order = sorted(sizes, key=lambda key: -sizes[key])
    shares = {key: int(place < wanted) for place, key in enumerate(order)}
    ideal = {key: wanted * size / total for key, size in sizes.items()} if total else {}
    for key in order:
        room = wanted - sum(shares.values())
        shares[key] += max(0, min(room, math.floor(ideal[key]) - shares[key]))
    while sum(shares.values()) < wanted:
        open_groups = [key for key in order if shares[key] < sizes[key]]
        shares[max(open_groups, key=lambda key: ideal[key] - shares[key])] += 1
    return shares


def _row_values(metrics: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    found = {}
    for stage, scores in metrics["scores"].items():
        main = scores["metrics"][metrics["main_metric"]]
        found[stage] = dict(zip(main["row_ids"], main["row_values"], strict=True))
    return found


def _higher_is_better(metrics: Mapping[str, Any]) -> bool:
    scores = next(iter(metrics["scores"].values()))
    return bool(scores["metrics"][metrics["main_metric"]]["higher_is_better"])


def _outcome(before: float | None, after: float | None, sign: int) -> Outcome:
    if before is None or after is None:
        return "unscored"
    if math.isclose(before, after, abs_tol=1e-9):
        return "same"
    return "better" if sign * (after - before) > 0 else "worse"


def _example(
    number: int,
    row: Mapping[str, Any],
    values: Mapping[str, Mapping[str, float | None]],
    outcome: Outcome | None,
) -> ShownExample:
    asked = [turn["content"] for turn in row["prompt"] if turn["role"] == "user"]
    last = asked[-1] if asked else (row["prompt"][-1]["content"] if row["prompt"] else "")
    return ShownExample(
        number=number + 1,
        row_id=row["row_id"],
        source=row["source"],
        question=last,
        turns=len(asked),
        reference=row["reference"],
        answers=row["answers"],
        scores={stage: found.get(row["row_id"]) for stage, found in values.items()},
        outcome=outcome,
    )
