"""Every test row before and after: what state it is in, and why an answer is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ftcore.evaluation.causes import Family, Finding, plain_family
from ftcore.evaluation.metric import Example, MetricContext

State = Literal["fixed", "broken", "still_right", "still_wrong", "right", "wrong"]
STATES: dict[State, str] = {
    "fixed": "wrong before, right after",
    "broken": "right before, wrong after",
    "still_right": "right before and after",
    "still_wrong": "wrong before and after",
    "right": "right; there is nothing to compare with",
    "wrong": "wrong; there is nothing to compare with",
}
BASELINES = ("before", "few_shot")


@dataclass(frozen=True, slots=True)
class RowErrors:
    """One test row: its state, and for each stage why its answer is wrong (nothing where right).

    ``family`` names the causes by which the row was judged; ``cause`` is the main cause of the
    last stage's answer, None where that is right.
    """

    row_id: str
    family: str
    state: State
    causes: Mapping[str, tuple[Finding, ...]]
    cause: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the row as a line of ``errors.jsonl`` holds it."""
        causes = {stage: list(map(asdict, found)) for stage, found in self.causes.items()}
        return {
            "row_id": self.row_id,
            "family": self.family,
            "state": self.state,
            "cause": self.cause,
            "causes": causes,
        }


def analyse(
    stages: Mapping[str, Sequence[Example]],
    family: Family,
    context: MetricContext,
    values: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
) -> list[RowErrors]:
    """Judge every row of every stage; the stages come in the order of a run.

    ``values`` is what metrics said of single rows: stage -> row id -> metric -> value. A row is
    compared with its answer before training, else with the few-shot one; without either its state
    is "right" or "wrong". Rows that ``family`` cannot judge are judged as plain texts. The SQL
    process of ``context`` ends with the call.
    """
    judged: dict[str, dict[str, tuple[str, tuple[Finding, ...]]]] = {}
    known = values or {}
    try:
        for stage, examples in stages.items():
            for example in examples:
                chosen = family if family.applies(example, context) else plain_family()
                row_values = known.get(stage, {}).get(example.row_id, {})
                found = chosen.judge(example, context, row_values)
                judged.setdefault(example.row_id, {})[stage] = (chosen.name, found)
    finally:
        context.close()
    return [_row(row_id, found) for row_id, found in judged.items()]


def _row(row_id: str, found: Mapping[str, tuple[str, tuple[Finding, ...]]]) -> RowErrors:
    causes = {stage: findings for stage, (_, findings) in found.items()}
    last = list(found)[-1]
    after = causes[last]
    baseline = next((stage for stage in BASELINES if stage in found and stage != last), None)
    return RowErrors(
        row_id=row_id,
        family=found[last][0],
        state=_state(None if baseline is None else not causes[baseline], not after),
        causes=causes,
        cause=after[0].cause if after else None,
    )


def _state(before: bool | None, after: bool) -> State:
    if before is None:
        return "right" if after else "wrong"
    if before:
        return "still_right" if after else "broken"
    return "fixed" if after else "still_wrong"


def summary(rows: Sequence[RowErrors], family: Family) -> dict[str, Any]:
    """Return what ``metrics.json`` says of the errors: counts, with what the names mean.

    ``states`` counts rows by state, ``causes`` by main cause in each stage; ``definitions`` has
    the causes that occur, those of ``family`` first.
    """
    plain = plain_family()
    states = Counter(row.state for row in rows)
    by_stage: dict[str, Counter[str]] = {}
    for row in rows:
        for stage, found in row.causes.items():
            by_stage.setdefault(stage, Counter())
            by_stage[stage].update([found[0].cause] if found else [])
    occurring = {cause for counts in by_stage.values() for cause in counts}
    definitions = {**plain.causes, **family.causes}
    order = [*family.causes, *(cause for cause in plain.causes if cause not in family.causes)]
    return {
        "family": family.name,
        "right": family.right,
        "states": {state: states[state] for state in STATES if states[state]},
        "causes": {
            stage: {cause: counts[cause] for cause in order if counts[cause]}
            for stage, counts in by_stage.items()
        },
        "definitions": {cause: definitions[cause] for cause in order if cause in occurring},
    }
