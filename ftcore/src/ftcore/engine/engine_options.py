"""What a recipe hands to one engine under `[backend.NAME]`, held against the engine's arguments."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ftcore.backends import BackendSpec, EngineOptions
from ftcore.errors import PluginError, Problem, UnsupportedError
from ftcore.recipe.fields import leaf_fields
from ftcore.recipe.key_lines import dotted
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.schema import Recipe
from ftcore.recipe.suggestions import nearest
from ftcore.worker.options import KINDS

CODE = "unsupported.engine-option"
WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "table": "a table",
}


def engine_options(loaded: LoadedRecipe, spec: BackendSpec) -> dict[str, Any]:
    """Return the options that the recipe hands to the engine of ``spec``.

    Raises one `UnsupportedError` with every option that the engine does not know, that has a value
    of the wrong kind, or that a field of the recipe decides.
    """
    options = loaded.recipe.backend.get(spec.name, {})
    if not options:
        return {}
    known = read_listing(spec)
    problems = [
        problem
        for name, value in options.items()
        if (problem := _problem(spec, known, name, value)) is not None
    ]
    if problems:
        raise UnsupportedError(
            f"[backend.{spec.name}] does not fit its engine",
            code=CODE,
            problems=[loaded.placed(problem) for problem in problems],
        )
    return dict(options)


def other_tables(
    loaded: LoadedRecipe, spec: BackendSpec, others: Iterable[BackendSpec]
) -> list[str]:
    """Return a sentence for each ``[backend.X]`` of the recipe that this run does not use.

    Raises `UnsupportedError` for a name that is likely a misspelt one.
    """
    installed = [spec.name, *(other.name for other in others)]
    found, problems = [], []
    for name in loaded.recipe.backend:
        if name == spec.name:
            continue
        close = None if name in installed else nearest(name, installed)
        if close:
            message, fix = f"there is no backend {name}", f"did you mean [backend.{close}]?"
            problems.append(Problem(message, field=dotted(("backend", name)), fix=fix, code=CODE))
        absent = "" if name in installed else ", which is not installed"
        found.append(f"[backend.{name}] is for the backend {name}{absent}: not used here")
    if problems:
        raise UnsupportedError(
            "the recipe has options for a backend that does not exist",
            code=CODE,
            problems=[loaded.placed(problem) for problem in problems],
        )
    return found


def read_listing(spec: BackendSpec) -> dict[str, dict[str, Any]]:
    """Return every argument of the engine with its kinds; empty where it takes no options."""
    if spec.options is None:
        return {}
    try:
        found: dict[str, dict[str, Any]] = json.loads(spec.options.listing.read_text("utf-8"))
        return {name: {"kinds": list(entry["kinds"]), **entry} for name, entry in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PluginError(
            f"{spec.options.listing} of backend {spec.name} cannot be read: {error}",
            hint=f"install the plugin of {spec.name} again",
            code="plugin.broken-listing",
        ) from error


def open_arguments(spec: BackendSpec) -> list[str]:
    """Return the arguments of the engine that a recipe may set under ``[backend.NAME]``."""
    decided = spec.options.decided if spec.options else {}
    return [name for name in read_listing(spec) if name not in decided]


def _problem(
    spec: BackendSpec, known: dict[str, dict[str, Any]], name: str, value: Any
) -> Problem | None:
    path = dotted(("backend", spec.name, name))
    if spec.options is None:
        message = f"{spec.name} takes no options beyond the fields of the recipe"
        return Problem(message, field=path, fix="take it out", code=CODE)
    if name in spec.options.decided:
        return _decided(path, name, spec.options.decided[name])
    if name not in known:
        return Problem(
            f"{spec.name}'s engine has no argument {name!r}",
            field=path,
            fix=_meant(name, known, spec.options),
            code=CODE,
        )
    kinds, choices = known[name]["kinds"], known[name].get("choices")
    kind = KINDS.get(type(value), "")
    if kind not in kinds and not (kind == "int" and "float" in kinds):
        expected = " or ".join(WORDS[each] for each in kinds)
        message = f"the engine's {name} is {expected}, not {json.dumps(value, default=str)}"
        return Problem(message, field=path, fix="see the engine's own documentation", code=CODE)
    if choices and value not in choices:
        message = f"the engine's {name} cannot be {json.dumps(value, default=str)}"
        listed = ", ".join(json.dumps(choice) for choice in choices)
        return Problem(message, field=path, fix=f"one of {listed}", code=CODE)
    return None


def _decided(path: str, name: str, by: str) -> Problem:
    fix = f"set {by}" if by in leaf_fields(Recipe) else "take it out"
    return Problem(f"the engine's {name} {_whose(by)}", field=path, fix=fix, code=CODE)


def _meant(name: str, known: dict[str, dict[str, Any]], options: EngineOptions) -> str:
    """Return what the unknown option may have meant: a field of the recipe or an argument."""
    close = nearest(name.lower().replace("-", "_"), [*known, *options.decided])
    if close is None:
        return "see the engine's own documentation for its arguments"
    by = options.decided.get(close)
    if by is None:
        return f"did you mean `{close}`?"
    return f"nearest is `{close}`, which {_whose(by)}"


def _whose(by: str) -> str:
    return (
        f"is decided by {by} of the recipe"
        if by in leaf_fields(Recipe)
        else f"is not for a recipe: {by}"
    )
