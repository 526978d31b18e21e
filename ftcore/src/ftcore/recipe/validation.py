"""Values against the schema: every problem at once, in plain words, where it was written."""

from __future__ import annotations

import datetime
from typing import Any

from pydantic import ValidationError

from ftcore.errors import Problem
from ftcore.recipe.fields import KeyPath, accepts, options, type_at, type_text
from ftcore.recipe.layers import Layers, parsed
from ftcore.recipe.schema import Recipe
from ftcore.recipe.suggestions import meant, nearest

EXAMPLES = {"id": '"smollm2-135m-instruct"', "train": '"rows.jsonl"', "name": '"my-recipe"'}


def validate(layers: Layers) -> tuple[Recipe | None, list[Problem]]:
    """Return the recipe, or None and all that is wrong with its values, in the file's order."""
    try:
        return Recipe.model_validate(layers.values), []
    except ValidationError as error:
        found = _places(error, layers.values)
    problems = [_problem(path, kind, layers) for path, kind in found.items()]
    return None, sorted(problems, key=lambda problem: problem.line or 0)


def _places(error: ValidationError, values: Any) -> dict[KeyPath, str]:
    """Return the kind of problem at each path, for unions the branch that the value goes for.

    pydantic reports every branch of a union and puts the branch's name into the path. A path is
    what can be followed through the values; of a path and one that goes deeper the deeper is meant.
    """
    found: dict[KeyPath, str] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        kind = item["type"] if item["type"] in ("missing", "extra_forbidden") else "value"
        found.setdefault(_real_path(item["loc"], values, kind), kind)
    inner = {path[:length] for path in found for length in range(len(path))}
    return {path: kind for path, kind in found.items() if path not in inner}


def _real_path(location: KeyPath, values: Any, kind: str) -> KeyPath:
    path: KeyPath = ()
    value = values
    for position, part in enumerate(location):
        if kind == "missing" and position == len(location) - 1:
            return (*path, part)
        keys = value if isinstance(value, dict) else ()
        size = len(value) if isinstance(value, list) else 0
        # What cannot be followed is the name of a union's branch.
        if part in keys or (isinstance(part, int) and part < size):
            value = value[part]
            path = (*path, part)
    return path


def _problem(path: KeyPath, kind: str, layers: Layers) -> Problem:
    key = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        fix = meant(path[:-1], key)
        return layers.problem(path, "unknown key", fix, "recipe.unknown-key")
    expected = type_at(Recipe, path)
    if kind == "missing":
        return layers.problem(path, "is required", _required(path, expected), "recipe.missing-key")
    value = _at(layers.values, path)
    message = f"expected {type_text(expected)}, found {shown(value)}"
    return layers.problem(path, message, _fix(value, expected), "recipe.type")


def _required(path: KeyPath, expected: Any) -> str:
    key = str(path[-1])
    if accepts(expected, dict) and not accepts(expected, str):
        return f"add a table [{key}]"
    return f"add {key} = {EXAMPLES.get(key, '...')}"


def _fix(value: Any, expected: Any) -> str | None:
    if isinstance(value, str):
        close = nearest(value, _choices(expected))
        if close:
            return f'did you mean "{close}"?'
        if accepts(expected, list):
            return "put it into brackets: [...]"
        bare = parsed(value)
        if not isinstance(bare, str) and accepts(expected, type(bare)):
            return "write it without quotes"
    elif str in options(expected) and isinstance(value, int | float | datetime.date):
        return "put it into quotes"
    return None


def _choices(expected: Any) -> list[str]:
    return type_text(expected).split('"')[1::2]


def _at(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value[part]
    return value


def shown(value: Any) -> str:
    """Return a TOML value as a message shows it: short, in TOML's own spelling."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "..."
        return '"' + text.replace("\n", "\\n") + '"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    if isinstance(value, datetime.date | datetime.time):
        return f"the date or time {value}"
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
