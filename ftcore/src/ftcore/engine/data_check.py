"""Checks all rows of a recipe, part by part, and whether its metrics can score the test rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from ftcore.data.checks import CheckReport, LookFor, inspect
from ftcore.data.split import limit_rows
from ftcore.engine.inputs import open_data, require_main_slice, require_prompts
from ftcore.engine.prepare import find_model, make_renderer
from ftcore.engine.scoring import unscorable
from ftcore.errors import Problem
from ftcore.recipe.loading import LoadedRecipe


@dataclass(frozen=True, slots=True)
class RecipeCheck:
    """What was found in each part, and what would keep test rows from being scored."""

    parts: dict[str, CheckReport]
    scoring: list[Problem]

    @property
    def problems(self) -> list[Problem]:
        """The first things that refuse rows."""
        return [*(p for report in self.parts.values() for p in report.problems), *self.scoring]

    @property
    def problem_count(self) -> int:
        """How many things refuse rows."""
        return sum(report.problem_count for report in self.parts.values()) + len(self.scoring)

    @property
    def warnings(self) -> list[Problem]:
        """The first odd things that refuse nothing."""
        return [problem for report in self.parts.values() for problem in report.warnings]

    @property
    def warning_count(self) -> int:
        """How many odd things there are."""
        return sum(report.warning_count for report in self.parts.values())

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        parts = {name: report.to_json() for name, report in self.parts.items()}
        return {"parts": parts, "scoring": [str(problem) for problem in self.scoring]}


def check_data(
    loaded: LoadedRecipe,
    *,
    tokens: bool,
    languages: bool = False,
    near: float | None = None,
    offline: bool,
    notify: Callable[[str], None],
    sink: IO[str] | None = None,
) -> RecipeCheck:
    """Check the training, validation and test rows of a recipe as training and scoring see them.

    The training rows are cleaned, split, weighted and limited first. With ``tokens`` the rows are
    rendered for the recipe's model too, which may have to be fetched. ``languages`` and ``near``
    are those of `LookFor`, ``sink`` that of `inspect`. Raises `DataError` where a source is missing
    or its format is undecided.
    """
    data = open_data(loaded)
    renderer = None
    if tokens:
        model = find_model(loaded, offline=offline, chat=not data.documents, notify=notify)
        renderer = make_renderer(loaded, model, documents=data.documents)
    found = inspect(
        {name: portion for name, portion in data.portions.items() if name != "few_shot"},
        LookFor(languages=languages, near=near, group=data.shaping.split.group),
        shaping=data.shaping,
        renderer=renderer,
        sink=sink,
    )
    if not all(report.ok for report in found.parts.values()):
        return RecipeCheck(found.parts, [])
    require_prompts(found.test)
    require_main_slice(loaded, found.test)
    test = limit_rows(found.test, loaded.recipe.evaluation.limit)
    return RecipeCheck(found.parts, unscorable(loaded, test))
