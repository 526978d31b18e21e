"""Puts the errors of a run into sentences, a table and examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftcore.report import numbers
from ftcore.report.errors import ErrorRow, Errors
from ftcore.report.escaping import plain
from ftcore.report.grid import Cell, Column, Grid, Tone
from ftcore.report.panels import ExampleView, Panel
from ftcore.report.tables import STAGE_TITLES, present_stages

LONGEST_DETAIL = 160  # characters of what is said of one cause
_STATE_WORDS = {
    "fixed": "fixed (wrong before, right after)",
    "broken": "broken (right before, wrong after)",
    "still_right": "still right",
    "still_wrong": "still wrong",
    "right": "right",
    "wrong": "wrong",
}
_TONES: dict[str, Tone] = {"broken": "bad"}


@dataclass(frozen=True, slots=True)
class ErrorView:
    """The section on errors: what was counted, how it is judged, and rows that are wrong.

    ``nearness`` is empty where the nearest training rows were not looked for.
    """

    states: str
    right: str
    causes: Grid
    definitions: tuple[tuple[str, str], ...]
    nearness: str
    choice: str
    examples: tuple[ExampleView, ...]


def error_view(errors: Errors) -> ErrorView:
    """Return the section's texts."""
    counts = errors.counts
    return ErrorView(
        states=_states(counts["states"]),
        right=counts["right"],
        causes=causes_grid(counts),
        definitions=tuple((_title(name), words) for name, words in counts["definitions"].items()),
        nearness=_nearness(counts["nearest"]),
        choice=_choice(errors),
        examples=tuple(map(_example, errors.shown)),
    )


def causes_grid(counts: Mapping[str, Any]) -> Grid:
    """Return how many rows are right, and wrong by main cause, in each stage."""
    stages = present_stages([counts["causes"]])
    total = sum(counts["states"].values())
    names = list(counts["definitions"])
    right = {stage: total - sum(counts["causes"][stage].values()) for stage in stages}
    rows = [(Cell("right"), *(Cell(numbers.count(right[stage])) for stage in stages))]
    rows += [
        (
            Cell(_title(name)),
            *(Cell(numbers.count(counts["causes"][stage].get(name, 0))) for stage in stages),
        )
        for name in names
    ]
    columns = [Column("Main cause", number=False), *(Column(STAGE_TITLES[s]) for s in stages)]
    return Grid(tuple(columns), tuple(rows), strong=0 if names else None)


def _states(states: Mapping[str, int]) -> str:
    total = numbers.plural(sum(states.values()), "test row")
    parts = ", ".join(f"{numbers.count(number)} {_STATE_WORDS[s]}" for s, number in states.items())
    return f"Of {total}: {parts}."


def _nearness(found: Mapping[str, Any]) -> str:
    """Say how near the nearest training row is, for right rows and for wrong ones."""
    medians = [
        f"{numbers.metric(found[key])} for rows that are {word}"
        for key, word in (("median_right", "right"), ("median_wrong", "wrong"))
        if found[key] is not None
    ]
    if not medians:
        return ""
    searched = numbers.plural(found["searched"], "training row")
    if found["searched"] < found["training_rows"]:
        searched += f" (evenly spaced, of {numbers.count(found['training_rows'])})"
    return (
        f"The nearest of {searched} has a median similarity of {', '.join(medians)} at the end "
        "(cosine of character n-grams of the questions, 0 to 1)."
    )


def _choice(errors: Errors) -> str:
    if not errors.shown:
        return ""
    shown, wrong = len(errors.shown), numbers.plural(errors.wrong, "wrong row")
    if shown == errors.wrong:
        return f"All {wrong}." if errors.wrong > 1 else "The one wrong row."
    return f"{shown} of {wrong}, evenly spaced within each cause; all are in errors.jsonl."


def _example(shown: ErrorRow) -> ExampleView:
    row, errors = shown.row, shown.errors
    asked = [turn["content"] for turn in row["prompt"] if turn["role"] == "user"]
    last = asked[-1] if asked else (row["prompt"][-1]["content"] if row["prompt"] else "")
    stages = [shown.stage]
    if errors["state"] == "broken":
        stages = [stage for stage in STAGE_TITLES if stage in errors["causes"]]
    answers = [Panel("Reference", row["reference"])]
    answers += [Panel(STAGE_TITLES[stage], row["answers"].get(stage)) for stage in stages]
    for near in errors["nearest"][:1]:
        text = f"{near['question']}\n=> {near['reference']}"
        answers.append(Panel(f"Nearest in training ({near['similarity']:.2f})", text))
    return ExampleView(
        title=f"Test row {shown.number:,}",
        source=row["source"],
        words=_title(errors["state"]),
        tone=_TONES.get(errors["state"], "even"),
        score="; ".join(map(_cause, errors["causes"][shown.stage])),
        question=Panel("Question" if len(asked) <= 1 else "Last question", last),
        answers=tuple(answers),
    )


def _cause(found: Mapping[str, str]) -> str:
    """Return a cause with its detail, which may quote the model: one short line of plain signs."""
    detail = plain(" ".join(found["detail"].split()))
    if len(detail) > LONGEST_DETAIL:
        detail = f"{detail[:LONGEST_DETAIL]} …"
    return _title(found["cause"]) + (f": {detail}" if detail else "")


def _title(name: str) -> str:
    return name.replace("_", " ")
