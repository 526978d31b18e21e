"""The gates of a run or an evaluation: refused before any compute where they cannot be checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.data.rows import Row
from ftcore.engine.scoring import main_metric
from ftcore.errors import DataError, InputError
from ftcore.evaluation.gates import (
    GateResult,
    Requirement,
    check_no_worse,
    check_requirement,
    parse_requirement,
    require_known,
)
from ftcore.evaluation.metric import Example, get_metric
from ftcore.evaluation.score import Scores
from ftcore.protocol import write_json
from ftcore.recipe.loading import LoadedRecipe
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import find_run

STAGE = "after"


@dataclass(frozen=True, slots=True)
class GateRequest:
    """What is asked for: bounds as texts, a run that must not be undercut, and by how much."""

    require: tuple[str, ...] = ()
    no_worse_than: str | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Gates:
    """Gates that can be checked: bounds on metrics of the recipe, and the scores of a run."""

    loaded: LoadedRecipe
    requirements: tuple[Requirement, ...] = ()
    run: str | None = None
    reference: Scores | None = None
    margin: float | None = None

    def require_rows(self, rows: Sequence[Row]) -> None:
        """Refuse test rows on which no gate can be checked, before they are answered.

        Raises `DataError` where there are none, or others than the run to compare with had.
        """
        if (self.requirements or self.reference) and not rows:
            raise DataError(
                "there are no test rows, so no gate can be checked",
                hint="set data.test or data.split.test, or leave the gates out",
                code="gate.no-rows",
            )
        if self.reference is None:
            return
        name = main_metric(self.loaded)
        metric = get_metric(name)()
        asked = [Example(row.row_id, row.prompt, row.reference, "", row.fields) for row in rows]
        here = {example.row_id for example in asked if metric.applies(example)}
        there = set(self.reference[name].row_ids)
        if here != there:
            raise DataError(
                f"run {self.run} was scored on other test rows: {len(there - here)} of its rows "
                f"are not here, {len(here - there)} are only here",
                hint="compare with a run of the same test set, split and limited alike",
                code="evaluation.rows-differ",
                details={
                    "only_there": sorted(there - here)[:10],
                    "only_here": sorted(here - there)[:10],
                },
            )

    def check(
        self, run: RunFolder, metrics: dict[str, Any], rows: Sequence[Row]
    ) -> tuple[GateResult, ...]:
        """Hold the gates against a run's metrics, and note what came out in ``metrics.json``."""
        found = [check_requirement(requirement, metrics) for requirement in self.requirements]
        if self.reference is not None and self.run is not None:
            found.append(
                check_no_worse(
                    self.reference,
                    Scores.from_json(metrics["scores"][STAGE]),
                    main_metric(self.loaded),
                    run=self.run,
                    margin=self.margin,
                    rows=_deciding(self.loaded, rows),
                )
            )
        if found:
            metrics["gates"] = [result.to_json() for result in found]
            write_json(metrics, run.file("metrics.json"))
        return tuple(found)


def open_gates(loaded: LoadedRecipe, request: GateRequest, runs: Path) -> Gates:
    """Read what is asked for; `InputError` or `RunNotFound` for what can never be checked."""
    requirements = tuple(map(parse_requirement, request.require))
    require_known(requirements, loaded.recipe.evaluation.metrics)
    margin = request.margin
    if request.no_worse_than is None:
        if margin is not None:
            raise InputError("a margin needs a run to compare with", code="gate.margin")
        return Gates(loaded, requirements)
    if margin is not None and not (math.isfinite(margin) and margin >= 0):
        raise InputError(f"the margin is {margin:g}, not 0 or more", code="gate.margin")
    name = main_metric(loaded)
    if get_metric(name).higher_is_better is None:
        raise InputError(
            f"{name} decides, and of it neither more nor less is better: nothing can be worse",
            hint="choose another evaluation.main_metric",
            code="gate.no-direction",
        )
    run = find_run(request.no_worse_than, runs)
    reference = _scores(run, name)
    return Gates(loaded, requirements, run.path.name, reference, margin)


def _scores(run: RunFolder, name: str) -> Scores:
    """Return a run's scores after training; `InputError` where it has none of that metric."""
    scores = (run.read_json("metrics.json") or {}).get("scores", {})
    if STAGE not in scores:
        raise InputError(
            f"run {run.path.name} has no scores after training to compare with",
            hint="`ft runs list` shows the finished ones",
            code="gate.no-scores",
        )
    if name not in scores[STAGE]["metrics"]:
        raise InputError(
            f"run {run.path.name} was not scored by {name}, the metric that decides here",
            hint=f"it has: {', '.join(scores[STAGE]['metrics'])}",
            code="gate.no-scores",
        )
    return Scores.from_json(scores[STAGE])


def _deciding(loaded: LoadedRecipe, rows: Sequence[Row]) -> list[str] | None:
    """Return the rows of the slice that decides; None where all do."""
    field, _, value = (loaded.recipe.evaluation.main_slice or "").partition("=")
    if not field:
        return None
    return [row.row_id for row in rows if str(row.fields.get(field)) == value]
