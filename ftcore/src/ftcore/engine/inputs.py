"""Reads the recipe's rows: training, validation and test parts, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass

from ftcore.data.formats import FormatOptions
from ftcore.data.formats.base import NerOptions
from ftcore.data.leakage import find_leakage
from ftcore.data.read import ReadReport, read_rows, require
from ftcore.data.rows import Row
from ftcore.data.split import limit_rows, split_rows
from ftcore.errors import DataError, Problem
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.schema import DataSection, Sources


@dataclass(frozen=True, slots=True)
class Inputs:
    """The rows of each part, the examples for the few-shot baseline, and what is suspicious."""

    train: list[Row]
    validation: list[Row]
    test: list[Row]
    few_shot: list[Row]
    formats: dict[str, str]
    warnings: list[Problem]


def format_options(data: DataSection) -> FormatOptions:
    """Return what the recipe tells the readers."""
    ner = NerOptions(
        labels=tuple(data.ner.labels),
        instruction=data.ner.instruction,
        prompt=data.ner.prompt,
        none=data.ner.none,
    )
    return FormatOptions(ner=ner, alpaca_reading=data.alpaca.reading, columns=dict(data.columns))


def source_list(sources: Sources) -> list[str]:
    """Return the sources of a part as a list of paths."""
    listed = [sources] if isinstance(sources, str) else sources
    return [source if isinstance(source, str) else source.path for source in listed]


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
    formats: dict[str, str] = {}
    warnings: list[Problem] = []

    def part(name: str, sources: Sources | None, *, test: bool) -> list[Row]:
        if not sources:
            return []
        report = read_part(loaded, sources, test=test)
        rows = require(report)
        formats[name] = f"{report.format}: {report.why}"
        warnings.extend(report.warnings)
        return rows

    split = split_rows(
        part("train", data.train, test=False),
        validation=data.split.validation,
        test=data.split.test,
        group=data.split.group,
        stratify=data.split.stratify,
        seed=data.split.seed,
    )
    test = [*part("test", data.test, test=True), *split.test]
    require_main_slice(loaded, test)
    train = limit_rows(split.train, data.limit, data.split.seed)
    few_shot = loaded.recipe.evaluation.few_shot
    examples = part("few_shot", few_shot, test=False)
    validation = [*part("validation", data.validation, test=True), *split.validation]
    warnings += find_leakage(train, test, group=data.split.group).problems
    limit = loaded.recipe.evaluation.limit
    return Inputs(train, validation, limit_rows(test, limit), examples, formats, warnings)


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
