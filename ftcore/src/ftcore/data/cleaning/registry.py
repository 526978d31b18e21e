"""The cleaning steps that ft knows, by name; third parties add theirs through the hook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from ftcore.data.cleaning.augment import Noise, Paraphrases, Synonyms
from ftcore.data.cleaning.base import Step
from ftcore.data.cleaning.rows import DropDuplicates, DropNearDuplicates, LengthLimits, SplitTexts
from ftcore.data.cleaning.run import ChosenStep
from ftcore.data.cleaning.text import DropEmptyLines, NormaliseWhitespace, StripControlCharacters
from ftcore.errors import DataError, Problem

_STEPS: dict[str, type[Step]] = {}


def steps() -> dict[str, type[Step]]:
    """Return every registered step by name, in order of registration."""
    return dict(_STEPS)


def register_step(step: type[Step]) -> None:
    """Add a step; `DataError` when the name is taken by another one."""
    present = _STEPS.get(step.name)
    if present is not None and _owner(present) != _owner(step):
        raise DataError(
            f"the name {step.name!r} of a cleaning step is taken by {_owner(present)}; "
            f"{_owner(step)} cannot use it",
            code="data.clean.taken",
        )
    _STEPS[step.name] = step


def get_step(name: str) -> type[Step]:
    """Return the step called ``name``; `DataError` with the nearest name for an unknown one."""
    if name in _STEPS:
        return _STEPS[name]
    near = get_close_matches(name, _STEPS, n=1)
    known = ", ".join(_STEPS)
    raise DataError(
        f"unknown cleaning step {name!r}",
        hint=f"did you mean {near[0]!r}? known: {known}" if near else f"known: {known}",
        code="data.clean.unknown",
    )


def choose_steps(asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[ChosenStep]:
    """Return the steps for ``(name, options)`` pairs, every option checked.

    Raises one `DataError` with a problem for each unknown name and each wrong option; the fields
    of the problems are the recipe's (``data.clean[0].options.rate``).
    """
    chosen: list[ChosenStep] = []
    problems: list[Problem] = []
    for place, (name, given) in enumerate(asked):
        where = f"data.clean[{place}]"
        try:
            step = get_step(name)
        except DataError as error:
            fix = error.hint
            problems.append(Problem(error.message, field=f"{where}.name", fix=fix, code=error.code))
            continue
        options, found = _options(step, given, f"{where}.options")
        problems.extend(found)
        chosen.append(ChosenStep(place, step, options))
    if problems:
        raise DataError(
            "data.clean asks for what there is not",
            code="data.clean.options" if len(problems) > 1 else problems[0].code,
            problems=problems,
        )
    return chosen


def _options(step: type[Step], given: Mapping[str, Any], where: str) -> tuple[Any, list[Problem]]:
    """Return the step's options and what is wrong with ``given``; one of the two is empty."""
    from pydantic import TypeAdapter, ValidationError

    known = [field.name for field in fields(step.Options)]
    there = f"options of {step.name}: {', '.join(known)}" if known else f"{step.name} has none"
    problems = []
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]}? {there}" if near else there
            problems.append(_problem(f"{where}.{name}", "is no option of this step", fix))
    usable = {name: value for name, value in given.items() if name in known}
    try:
        return TypeAdapter(step.Options).validate_python(usable), problems
    except ValidationError as error:
        return None, [*problems, *(_value_problem(item, where, there) for item in error.errors())]


def _value_problem(error: Mapping[str, Any], where: str, there: str) -> Problem:
    name = "".join(f".{part}" for part in error["loc"][:1])
    what = error["msg"].removeprefix("Value error, ")
    found = f", found {error['input']!r}" if name and error["type"] != "missing" else ""
    return _problem(f"{where}{name}", f"{what}{found}", there)


def _problem(field: str, what: str, fix: str) -> Problem:
    return Problem(what, field=field, fix=fix, code="data.clean.options")


def _owner(step: type[Step]) -> str:
    return f"{step.__module__}:{step.__qualname__}"


for _step in (
    NormaliseWhitespace,
    StripControlCharacters,
    DropEmptyLines,
    LengthLimits,
    DropDuplicates,
    DropNearDuplicates,
    SplitTexts,
    Noise,
    Synonyms,
    Paraphrases,
):
    register_step(_step)
