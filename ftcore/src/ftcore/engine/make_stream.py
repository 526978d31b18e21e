"""From a recipe's rows to the stream, and to what the run asks about; refuses what cannot work."""

from __future__ import annotations

from collections.abc import Callable

from ftcore.cache import cache_dir
from ftcore.data.rows import Row
from ftcore.data.split import limit_rows
from ftcore.data.stored_stream import Stream
from ftcore.data.stream import build_stream
from ftcore.engine.inputs import (
    HeldRows,
    Inputs,
    OpenData,
    TrainingRows,
    require_main_slice,
    require_prompts,
)
from ftcore.engine.scoring import require_scorable
from ftcore.errors import DataError
from ftcore.recipe.loading import LoadedRecipe
from ftcore.rendering.renderer import Renderer

Notify = Callable[[str], None]


def require_askable(loaded: LoadedRecipe, test: list[Row]) -> None:
    """Raise `DataError` for test rows that cannot be asked, or whose answers cannot be scored."""
    require_prompts(test)
    require_main_slice(loaded, test)
    require_scorable(loaded, limit_rows(test, loaded.recipe.evaluation.limit))


def make_stream(
    loaded: LoadedRecipe, data: OpenData, held: HeldRows, renderer: Renderer, notify: Notify
) -> tuple[Stream, Inputs]:
    """Render the training and validation rows into the canonical stream, or reuse it.

    Returns also what the run asks about. Raises `DataError` for rows that refuse the run.
    """
    shaping, cache = data.shaping, cache_dir()
    built = build_stream(
        data.rendered, renderer, shaping=shaping, test=held.test, cache=cache, notify=notify
    )
    stream, found = built.stream, built.found
    require_rows(loaded, stream)
    test = held.test or found.test  # a recipe has one of the two
    if shaping.split.test:
        require_askable(loaded, test)
    test = limit_rows(test, loaded.recipe.evaluation.limit)
    verified = loaded.recipe.export.verify
    inputs = Inputs(
        train=TrainingRows(data),
        test=test,
        few_shot=held.few_shot,
        examples=test[:verified] if test else data.first_training_rows(verified),
        formats=data.formats,
        warnings=[*held.warnings, *found.warnings],
        shaping=found.shaping,
    )
    return stream, inputs


def require_rows(loaded: LoadedRecipe, stream: Stream) -> None:
    """Raise `DataError` where more rows are lost than the recipe allows, or none is left."""
    data = loaded.recipe.data
    stream.account.require(0.0 if data.overlong == "error" else data.allow_lost)
    if len(stream.lengths("train")) == 0:
        raise DataError(
            "no training row is left", hint="look at `ft data check`", code="data.no-rows"
        )
    if loaded.recipe.train.validation.every_steps and len(stream.lengths("validation")) == 0:
        raise DataError(
            "there is no validation row to measure a loss on",
            hint="raise data.split.validation, give data.validation, or leave "
            "train.validation.every_steps out",
            code="data.no-validation",
        )
