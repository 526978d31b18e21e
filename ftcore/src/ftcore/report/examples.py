"""Chooses the predictions that a report shows, by a rule that the report states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

K = TypeVar("K")
Outcome = Literal["better", "worse", "same"]
WORDS: dict[Outcome, str] = {"better": "better", "worse": "worse", "same": "unchanged"}


@dataclass(frozen=True, slots=True)
class ShownExample:
    """One test row with every answer; ``number`` counts test rows from 1.

    ``question`` is the prompt's last user turn, ``turns`` the number of the prompt's user turns;
    ``scores`` the main metric on this row alone (None where it is undefined); where the outcome
    was judged by equality with the reference instead, ``equal`` says which answers equal it.
    """

    number: int
    row_id: str
    source: str
    question: str
    turns: int
    reference: str
    answers: Mapping[str, str | None]
    scores: Mapping[str, float | None]
    equal: Mapping[str, bool]
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Examples:
    """The chosen rows in the order of the test file, out of ``total``.

    ``counts`` says how many of all test rows had each outcome, empty where there is nothing to
    compare with; then the rows are evenly spaced over the file. ``undefined`` is the number of
    rows on which the main metric is undefined in one of the two stages.
    """

    shown: tuple[ShownExample, ...]
    total: int
    counts: Mapping[Outcome, int]
    undefined: int
    baseline: str | None


def choose_examples(
    rows: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any], wanted: int
) -> Examples:
    """Choose ``wanted`` rows of ``predictions/rows.jsonl``.

    Rows are grouped by whether the main metric on the row alone is better, worse or the same
    after training as before (else as few-shot); where the row alone leaves it undefined (F1 of a
    row without anything to find), equality with the reference decides. Each group gets a share in
    proportion to its size, at least one; inside a group the rows are evenly spaced.
    """
    values, sign = _row_values(metrics), _sign(metrics)
    baseline = next((stage for stage in ("before", "few_shot") if stage in values), None)
    pair = (baseline, "after") if baseline is not None and "after" in values else None
    seen = [_example(number, row, values, pair, sign) for number, row in enumerate(rows)]
    groups: dict[Outcome | None, list[ShownExample]] = {}
    for example in seen:
        groups.setdefault(example.outcome, []).append(example)
    shares = shared_out(wanted, {outcome: len(found) for outcome, found in groups.items()})
    chosen = [
        found[place]
        for outcome, found in groups.items()
        for place in evenly_spaced(len(found), shares[outcome])
    ]
    return Examples(
        shown=tuple(sorted(chosen, key=lambda example: example.number)),
        total=len(rows),
        counts={outcome: len(groups[outcome]) for outcome in WORDS if outcome in groups},
        undefined=sum(bool(example.equal) for example in seen),
        baseline=baseline if pair else None,
    )


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


def _sign(metrics: Mapping[str, Any]) -> int:
    scores = next(iter(metrics["scores"].values()))
    return 1 if scores["metrics"][metrics["main_metric"]]["higher_is_better"] else -1


def _example(
    number: int,
    row: Mapping[str, Any],
    values: Mapping[str, Mapping[str, float | None]],
    pair: tuple[str, str] | None,
    sign: int,
) -> ShownExample:
    asked = [turn["content"] for turn in row["prompt"] if turn["role"] == "user"]
    last = asked[-1] if asked else (row["prompt"][-1]["content"] if row["prompt"] else "")
    scores = {stage: found.get(row["row_id"]) for stage, found in values.items()}
    equal: dict[str, bool] = {}
    outcome: Outcome | None = None
    if pair is not None:
        first, second = (scores[stage] for stage in pair)
        if first is None or second is None:
            equal = {stage: _equals(row["answers"].get(stage), row["reference"]) for stage in pair}
            outcome = _outcome(equal[pair[0]], equal[pair[1]], 1)
        else:
            outcome = _outcome(first, second, sign)
    return ShownExample(
        number=number + 1,
        row_id=row["row_id"],
        source=row["source"],
        question=last,
        turns=len(asked),
        reference=row["reference"],
        answers=row["answers"],
        scores=scores,
        equal=equal,
        outcome=outcome,
    )


def _outcome(before: float, after: float, sign: int) -> Outcome:
    if math.isclose(before, after, abs_tol=1e-9):
        return "same"
    return "better" if sign * (after - before) > 0 else "worse"


def _equals(answer: str | None, reference: str) -> bool:
    return answer is not None and answer.strip() == reference.strip()
