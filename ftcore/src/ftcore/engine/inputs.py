"""What the recipe's ``[data]`` names: files, formats, steps; and the rows that a run asks about."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from ftcore.data.account import Item, LeftOut
from ftcore.data.cleaning import ChosenStep, StepCount, choose_steps
from ftcore.data.formats import FormatOptions
from ftcore.data.formats.base import NerOptions
from ftcore.data.portion import Portion, open_portion
from ftcore.data.read import require
from ftcore.data.rows import Row
from ftcore.data.shape import Shaper, Shaping
from ftcore.data.sources import SourceSpec
from ftcore.data.split import SplitOptions, limit_rows
from ftcore.data.weights import source_weights
from ftcore.errors import DataError, Problem
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.schema import DataSection, Sources

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class OpenData:
    """Files found, formats decided, steps chosen; no row is held.

    ``portions`` has what ``data.train`` names and, where they are given, ``validation``, ``test``
    and ``few_shot``; ``shaping`` is what becomes of the training portion.
    """

    portions: dict[str, Portion]
    shaping: Shaping

    @property
    def documents(self) -> bool:
        """Whether the model learns plain documents, so that it needs no chat template."""
        return self.portions["train"].holds_documents

    @property
    def rendered(self) -> list[Portion]:
        """The portions that the stream is made of."""
        return [self.portions[part] for part in ("validation", "train") if part in self.portions]

    @property
    def formats(self) -> dict[str, str]:
        """What format each portion has, and why."""
        return {name: f"{item.format.name}: {item.why}" for name, item in self.portions.items()}

    def items(self, shaper: Shaper | None = None) -> Iterator[Item]:
        """Yield the rows of ``data.train`` as they are shaped, with their parts, or left out."""
        train = self.portions["train"]
        shaper = shaper or Shaper(self.shaping, train.quoting)
        return shaper.run(train.sound_rows())

    def rows(self, part: Part) -> Iterator[Row]:
        """Yield the rows of a part: from its own files, then those of ``data.train``."""
        if part != "train" and part in self.portions:
            yield from self.portions[part].sound_rows()
        if part == "train" or getattr(self.shaping.split, part):
            for item in self.items():
                if not isinstance(item, LeftOut) and item[0] == part:
                    yield item[1]

    def first_training_rows(self, count: int) -> list[Row]:
        """Return some training rows without reading more than is needed."""
        unlimited = Shaper(replace(self.shaping, limit=None), self.portions["train"].quoting)
        items = (item for item in self.items(unlimited) if not isinstance(item, LeftOut))
        return list(itertools.islice((row for part, row in items if part == "train"), count))


class TrainingRows:
    """The shaped training rows, read again each time that one goes through them.

    Raises `DataError` while going through them where a file has changed since.
    """

    def __init__(self, data: OpenData) -> None:
        self._data = data
        self._marks = self._stat()

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in order."""
        if self._stat() != self._marks:
            raise DataError("the training rows have changed since", code="data.changed")
        return self._data.rows("train")

    def _stat(self) -> list[tuple[int, int] | None]:
        paths = (file.path for file in self._data.portions["train"].files)
        found = (path.stat() if path.exists() else None for path in paths)
        return [
            None if status is None else (status.st_size, status.st_mtime_ns) for status in found
        ]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The rows that a run asks about, and what is suspicious.

    ``test`` is limited as the recipe says; ``examples`` are the rows on which an exported model is
    verified. ``shaping`` counts what cleaning, weights and the limit did to the training rows.
    """

    train: TrainingRows
    test: list[Row]
    few_shot: list[Row]
    examples: list[Row]
    formats: dict[str, str]
    warnings: list[Problem]
    shaping: list[StepCount] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class HeldRows:
    """Rows that have files of their own and are held in memory: test and few-shot examples."""

    test: list[Row]
    few_shot: list[Row]
    warnings: list[Problem]


def open_data(loaded: LoadedRecipe) -> OpenData:
    """Find the recipe's files, decide their formats and choose the cleaning steps.

    Raises `DataError` where a source is missing, a format undecided or a step wrong.
    """
    data, base = loaded.recipe.data, loaded.base
    steps = _plan_cleaning(loaded)
    options = format_options(data)
    held_out = data.test_format or data.format
    sources: dict[str, tuple[Sources | None, str]] = {
        "train": (data.train, data.format),
        "test": (data.test, held_out),
        "validation": (data.validation, held_out),
        "few_shot": (loaded.recipe.evaluation.few_shot, data.format),
    }
    portions = {
        part: open_portion(part, source_list(given), base=base, format=name, options=options)
        for part, (given, name) in sources.items()
        if given
    }
    split = data.split
    parts = SplitOptions(split.validation, split.test, split.group, split.stratify, split.seed)
    weights = source_weights(portions["train"].files)
    return OpenData(portions, Shaping(tuple(steps), parts, weights, data.limit, base))


def read_held(data: OpenData) -> HeldRows:
    """Read the test rows and few-shot examples that have files of their own.

    Raises one `DataError` that lists the problems of the first portion that has any.
    """
    rows: dict[str, list[Row]] = {}
    warnings: list[Problem] = []
    for part in ("test", "few_shot"):
        if part in data.portions:
            report = data.portions[part].read()
            rows[part] = require(report)
            warnings += report.warnings
    return HeldRows(rows.get("test", []), rows.get("few_shot", []), warnings)


def read_test(loaded: LoadedRecipe) -> list[Row]:
    """Return the test rows, those that are split off ``data.train`` included, as limited.

    Raises `DataError` for records that are no rows, and for rows that nothing can be asked of.
    """
    test = list(open_data(loaded).rows("test"))
    require_prompts(test)
    require_main_slice(loaded, test)
    return limit_rows(test, loaded.recipe.evaluation.limit)


def require_good_beginning(data: OpenData) -> None:
    """Raise the `DataError` for all records that are no rows if some of the first are none.

    It saves the user from fetching a model first.
    """
    for portion in data.rendered:
        if not portion.begins_well():
            for _ in portion.sound_rows():
                pass


def format_options(data: DataSection) -> FormatOptions:
    """Return what the recipe tells the readers."""
    ner = NerOptions(
        labels=tuple(data.ner.labels),
        instruction=data.ner.instruction,
        prompt=data.ner.prompt,
        none=data.ner.none,
    )
    return FormatOptions(ner=ner, alpaca_reading=data.alpaca.reading, columns=dict(data.columns))


def source_list(sources: Sources) -> list[SourceSpec]:
    """Return the sources of a part as a list of paths, with their weights where given."""
    listed = [sources] if isinstance(sources, str) else sources
    return [
        source if isinstance(source, str) else (source.path, source.weight) for source in listed
    ]


def _plan_cleaning(loaded: LoadedRecipe) -> list[ChosenStep]:
    """Return the recipe's cleaning steps; `DataError` with the places of wrong ones."""
    try:
        return choose_steps([(step.name, step.options) for step in loaded.recipe.data.clean])
    except DataError as error:
        error.problems = tuple(loaded.placed(problem) for problem in error.problems)
        raise


def require_prompts(test: Iterable[Row]) -> None:
    """Raise `DataError` when a test row is a plain document: there is nothing to answer."""
    for row in test:
        if row.is_document:
            raise DataError(
                f"{row.source}: a plain document has no prompt, so it cannot be a test row",
                hint="use documents in data.train and data.validation, and test on rows with a "
                "prompt and an answer",
                code="data.test-document",
            )


def require_main_slice(loaded: LoadedRecipe, test: list[Row]) -> None:
    """Raise `DataError` when no test row is in ``evaluation.main_slice``: nothing would decide."""
    wanted = loaded.recipe.evaluation.main_slice
    if not wanted or not test:
        return
    field, _, value = wanted.partition("=")
    found = sorted({str(row.fields[field]) for row in test if row.fields.get(field) is not None})
    if value in found:
        return
    there = f"its values there: {', '.join(found[:10])}" if found else "no row has that field"
    message = f'no test row has {field} = "{value}"'
    problem = Problem(message, field="evaluation.main_slice", fix=there, code="data.main-slice")
    raise DataError(
        f"{message}, the slice that decides",
        hint=there,
        code="data.main-slice",
        problems=[loaded.placed(problem)],
    )
