"""The training rows as the recipe shapes them: cleaned, split, augmented, weighted, limited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ftcore.data.account import LeftOut
from ftcore.data.cleaning import StepCount, choose_steps, run_steps
from ftcore.data.cleaning.run import ChosenStep
from ftcore.data.rows import Row
from ftcore.data.split import limit_rows, split_rows
from ftcore.data.structure import ODD_CHARACTERS, check_characters
from ftcore.data.weights import apply_weights
from ftcore.errors import DataError, Problem
from ftcore.recipe.loading import LoadedRecipe


@dataclass(frozen=True, slots=True)
class Parts:
    """What the rows of ``data.train`` became.

    ``shaping`` counts what each step did, in order; ``left_out`` are the rows taken out.
    """

    train: list[Row]
    validation: list[Row]
    test: list[Row]
    shaping: list[StepCount]
    left_out: list[LeftOut]


def plan_cleaning(loaded: LoadedRecipe) -> list[ChosenStep]:
    """Return the recipe's cleaning steps; `DataError` with the places of wrong ones."""
    try:
        return choose_steps([(step.name, step.options) for step in loaded.recipe.data.clean])
    except DataError as error:
        error.problems = tuple(loaded.placed(problem) for problem in error.problems)
        raise


def make_parts(
    loaded: LoadedRecipe,
    rows: Sequence[Row],
    weights: Mapping[str, float],
    steps: Sequence[ChosenStep],
) -> Parts:
    """Shape the rows of ``data.train``.

    Cleaning comes before the split, so that rows that become equal stay in one part. From the
    first step that augments on, steps see the training part alone; weights and the limit too.
    """
    data = loaded.recipe.data
    seed = data.split.seed
    first = next((n for n, item in enumerate(steps) if item.step.augments), len(steps))
    cleaned = run_steps(rows, steps[:first], seed=seed, base=loaded.base)
    split = split_rows(
        cleaned.rows,
        validation=data.split.validation,
        test=data.split.test,
        group=data.split.group,
        stratify=data.split.stratify,
        seed=seed,
    )
    shaped = run_steps(split.train, steps[first:], seed=seed, base=loaded.base)
    shaping, gone = [*cleaned.counts, *shaped.counts], [*cleaned.removed, *shaped.removed]
    train = shaped.rows
    if weights:
        weighted = apply_weights(train, weights, seed)
        gone += _missing(train, weighted, "weight", "left out by the weight of its source")
        shaping.append(_count("weights", train, weighted))
        train = weighted
    limit = data.limit
    limited = limit_rows(train, limit, seed)
    if len(limited) < len(train):
        gone += _missing(train, limited, "limit", f"left out by data.limit = {limit}")
        shaping.append(_count("limit", train, limited))
    return Parts(limited, split.validation, split.test, shaping, gone)


def odd_characters(rows: Iterable[Row]) -> list[Problem]:
    """Return a warning for each row that still holds odd characters after cleaning."""
    found: dict[str, Problem] = {}
    for row in rows:
        for where, what, fix in check_characters(row.messages)[:1]:
            source = row.source
            problem = Problem(what, source.file, source.line, where, fix, ODD_CHARACTERS)
            found.setdefault(str(source), problem)
    return list(found.values())


def _missing(
    before: Iterable[Row], after: Iterable[Row], reason: str, why: str
) -> Iterable[LeftOut]:
    there = {row.row_id for row in after}
    return [LeftOut(row, reason, why) for row in before if row.row_id not in there]


def _count(name: str, before: Sequence[Row], after: Sequence[Row]) -> StepCount:
    had, has = {row.row_id for row in before}, {row.row_id for row in after}
    return StepCount(name, len(before), removed=len(had - has), added=len(has - had))
