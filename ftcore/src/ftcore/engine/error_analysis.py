"""Writes why answers are wrong: ``errors.jsonl``, and its counts for ``metrics.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftcore.data.rows import Row
from ftcore.errors import DataError
from ftcore.evaluation.causes import family
from ftcore.evaluation.error_analysis import RowErrors, analyse, summary
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.nearest import LONGEST, Neighbour, nearest
from ftcore.evaluation.score import Scores
from ftcore.recipe.loading import LoadedRecipe
from ftcore.runs.folder import RunFolder

NEIGHBOURS = 3
# Test rows times training rows that are compared; 40 s of one core at 400 characters a row.
COMPARED = 100_000_000
SEARCHED = 100_000  # training rows, evenly spaced where there are more


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What is kept of a training row while the nearest ones are looked for; long texts are cut."""

    row_id: str
    source: str
    question: str
    reference: str


def write_errors(
    run: RunFolder,
    loaded: LoadedRecipe,
    paired: Mapping[str, Sequence[Example]],
    scored: Mapping[str, Scores],
    context: MetricContext,
    *,
    rows: Sequence[Row],
    train: Iterable[Row],
) -> dict[str, Any]:
    """Write one line for each answered test row and return the counts.

    A line holds what `RowErrors.to_json` says, the row's ``source``, and ``nearest``: the training
    rows most like it in what is asked, with ``similarity``, ``row_id``, ``source``, ``question``
    and ``reference``.
    """
    kind = family(loaded.recipe.task)
    judged = analyse(paired, kind, context, _row_values(scored))
    by_id = {row.row_id: row for row in rows}
    asked = [by_id[row.row_id] for row in judged]
    searched, total = _sample(train, min(SEARCHED, COMPARED // max(1, len(asked))))
    texts = [item.question for item in searched]
    found = nearest([question(row) for row in asked], texts, NEIGHBOURS)
    with run.file("errors.jsonl").open("w", encoding="utf-8", errors="backslashreplace") as file:
        for errors, row, near in zip(judged, asked, found, strict=True):
            line = errors.to_json() | {
                "source": str(row.source),
                "nearest": [
                    {"similarity": one.similarity} | asdict(searched[one.place]) for one in near
                ],
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return summary(judged, kind) | {"nearest": _similarities(judged, found, len(searched), total)}


def question(row: Row) -> str:
    """Return what a row asks: its prompt without the system's words; of a document, its text."""
    turns = row.messages if row.is_document else row.prompt
    return "\n".join(turn.content for turn in turns if turn.role != "system")


def _row_values(scored: Mapping[str, Scores]) -> dict[str, dict[str, dict[str, float]]]:
    """Return stage -> row id -> metric -> value, values that a row alone defines."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for stage, scores in scored.items():
        rows = found.setdefault(stage, {})
        for name, metric in scores.metrics.items():
            for row_id, value in zip(metric.row_ids, metric.row_values.tolist(), strict=True):
                rows.setdefault(row_id, {})[name] = value
    return found


def _sample(train: Iterable[Row], most: int) -> tuple[list[TrainedOn], int]:
    """Return at most ``most`` evenly spaced training rows, and how many rows there are.

    The rows are gone through once; their number need not be known.
    """
    kept: list[TrainedOn] = []
    step, total = 1, 0
    try:
        for place, row in enumerate(train):
            total = place + 1
            if place % step == 0:
                kept.append(_trained_on(row))
            if len(kept) > most:
                kept, step = kept[::2], step * 2
    except (DataError, OSError):  # changed or gone while the model was trained
        return [], 0
    return kept, total


def _trained_on(row: Row) -> TrainedOn:
    texts = (question(row)[:LONGEST], row.reference[:LONGEST])
    return TrainedOn(row.row_id, str(row.source), *texts)


def _similarities(
    judged: Sequence[RowErrors],
    found: Sequence[Sequence[Neighbour]],
    searched: int,
    training_rows: int,
) -> dict[str, Any]:
    """Return how near the nearest training row is, the median over right and wrong rows."""
    best: dict[bool, list[float]] = {True: [], False: []}
    for errors, near in zip(judged, found, strict=True):
        best[errors.cause is None].append(near[0].similarity if near else 0.0)
    medians = {right: float(np.median(values)) for right, values in best.items() if values}
    return {
        "searched": searched,
        "training_rows": training_rows,
        "median_right": medians.get(True) if searched else None,
        "median_wrong": medians.get(False) if searched else None,
    }
