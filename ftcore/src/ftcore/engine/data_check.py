"""Checks all rows of a recipe, part by part, and whether its metrics can score the test rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ftcore.data.checks import CheckReport, check
from ftcore.engine.inputs import format_options, holds_documents, read_inputs, source_list
from ftcore.engine.prepare import find_model, render_options
from ftcore.engine.scoring import unscorable
from ftcore.errors import Problem
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.schema import Sources
from ftcore.rendering.renderer import Renderer


@dataclass(frozen=True, slots=True)
class RecipeCheck:
    """What was found in each part, and what would keep test rows from being scored."""

    parts: dict[str, CheckReport]
    scoring: list[Problem]

    @property
    def problems(self) -> list[Problem]:
        """Everything that refuses rows."""
        return [*(p for report in self.parts.values() for p in report.problems), *self.scoring]

    @property
    def warnings(self) -> list[Problem]:
        """Everything odd that refuses nothing."""
        return [problem for report in self.parts.values() for problem in report.warnings]

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
) -> RecipeCheck:
    """Check the training, validation and test rows of a recipe, as they are before cleaning.

    With ``tokens`` the rows are rendered for the recipe's model too, which may have to be fetched.
    ``languages`` and ``near`` are those of `check`. Raises `DataError` where a source is missing or
    its format is undecided.
    """
    renderer = None
    if tokens:
        documents = holds_documents(loaded)
        model = find_model(loaded, offline=offline, chat=not documents, notify=notify)
        options = render_options(loaded)
        renderer = Renderer.from_folder(model.folder, options, documents=documents)
    data = loaded.recipe.data
    sources = {"train": data.train, "validation": data.validation, "test": data.test}
    parts = {
        name: _check_part(loaded, name, source, renderer, languages, near)
        for name, source in sources.items()
        if source is not None
    }
    readable = all(report.ok for report in parts.values())
    found = unscorable(loaded, read_inputs(loaded).test) if readable else []
    return RecipeCheck(parts, found)


def _check_part(
    loaded: LoadedRecipe,
    name: str,
    sources: Sources,
    renderer: Renderer | None,
    languages: bool,
    near: float | None,
) -> CheckReport:
    data = loaded.recipe.data
    held_out_format = data.test_format or data.format
    # Leakage is a matter between the training rows and the test rows.
    test = data.test if name == "train" else None
    return check(
        source_list(sources),
        base=loaded.base,
        format=data.format if name == "train" else held_out_format,
        options=format_options(data),
        renderer=renderer,
        test=None if test is None else source_list(test),
        test_format=held_out_format,
        group=data.split.group,
        look_for_languages=languages,
        near=near,
    )
