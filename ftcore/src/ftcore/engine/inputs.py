"""Reads the recipe's rows: training, validation and test parts, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ftcore.data.account import LeftOut
from ftcore.data.cleaning import StepCount
from ftcore.data.formats import FormatOptions
from ftcore.data.formats.base import NerOptions
from ftcore.data.leakage import find_leakage
from ftcore.data.read import ReadReport, make_reader, read_rows, require
from ftcore.data.rows import Row
from ftcore.data.sources import SourceSpec, find_files
from ftcore.data.split import limit_rows
from ftcore.data.structure import ODD_CHARACTERS
from ftcore.engine.training_part import make_parts, odd_characters, plan_cleaning
from ftcore.errors import DataError, Problem
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.schema import DataSection, Sources


@dataclass(frozen=True, slots=True)
class Inputs:
    """The rows of each part, the examples for the few-shot baseline, and what is suspicious.

    ``shaping`` counts what cleaning, weights and the limit did to the rows of ``data.train``;
    ``left_out`` are the rows that they took out.
    """

    train: list[Row]
    validation: list[Row]
    test: list[Row]
    few_shot: list[Row]
    formats: dict[str, str]
    warnings: list[Problem]
    shaping: list[StepCount] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def documents(self) -> bool:
        """Whether the model learns plain documents, so that it needs no chat template."""
        return bool(self.train) and self.train[0].is_document


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


def holds_documents(loaded: LoadedRecipe) -> bool:
    """Tell whether the training rows are plain documents, by their first records at most.

    Raises `DataError` where a source is missing or its format is undecided.
    """
    data = loaded.recipe.data
    files = find_files(source_list(data.train), base=loaded.base)
    reader, _ = make_reader(files, format=data.format, options=format_options(data))
    return reader.format.name == "text"


def read_part(loaded: LoadedRecipe, sources: Sources, *, test: bool = False) -> ReadReport:
    """Read one part; problems are in the report, not raised."""
    data = loaded.recipe.data
    name = data.test_format if test and data.test_format else data.format
    return read_rows(
        source_list(sources), base=loaded.base, format=name, options=format_options(data)
    )


def read_inputs(loaded: LoadedRecipe) -> Inputs:
    """Read and split every part of the recipe's data.

    Raises one `DataError` that lists the problems of the first part that has any, or says that no
    test row is in the slice that decides.
    """
    data = loaded.recipe.data
    steps = plan_cleaning(loaded)
    formats: dict[str, str] = {}
    warnings: list[Problem] = []
    weights: dict[str, float] = {}

    def part(name: str, sources: Sources | None, *, test: bool) -> list[Row]:
        if not sources:
            return []
        report = read_part(loaded, sources, test=test)
        rows = require(report)
        formats[name] = f"{report.format}: {report.why}"
        warnings.extend(report.warnings)
        weights.update(report.weights if name == "train" else {})
        return rows

    made = make_parts(loaded, part("train", data.train, test=False), weights, steps)
    if steps:  # what was odd in the files may be clean by now
        warnings = [warning for warning in warnings if warning.code != ODD_CHARACTERS]
        warnings += odd_characters([*made.train, *made.validation, *made.test])
    test = [*part("test", data.test, test=True), *made.test]
    require_prompts(test)
    require_main_slice(loaded, test)
    few_shot = loaded.recipe.evaluation.few_shot
    examples = part("few_shot", few_shot, test=False)
    validation = [*part("validation", data.validation, test=True), *made.validation]
    warnings += find_leakage(made.train, test, group=data.split.group).problems
    limit = loaded.recipe.evaluation.limit
    return Inputs(
        made.train,
        validation,
        limit_rows(test, limit),
        examples,
        formats,
        warnings,
        made.shaping,
        made.left_out,
    )


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
