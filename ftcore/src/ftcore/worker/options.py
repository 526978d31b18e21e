"""The engine's own arguments: listed for the parent, and joined with what a recipe adds to them."""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from ftcore.errors import UnsupportedError

# Type of a value -> its name in a listing; what no TOML value can be is left out.
KINDS = {bool: "bool", int: "int", float: "float", str: "str", list: "list", dict: "table"}


def with_options(arguments: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's arguments with the recipe's ``[backend.NAME]`` options added.

    Raises `UnsupportedError` for an option that ft has set already.
    """
    twice = sorted(arguments.keys() & options.keys())
    if twice:
        raise UnsupportedError(
            f"ft sets {', '.join(twice)} of the engine itself",
            hint="take it out of [backend.NAME]",
            code="unsupported.engine-option",
        )
    return {**arguments, **options}


def list_arguments(classes: Iterable[type]) -> dict[str, dict[str, Any]]:
    """Return name -> ``kinds`` (and ``choices`` where there are few) of the dataclasses' fields.

    Fields that no recipe could give (set by the engine itself, or of a type without a TOML value)
    are left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for each in classes:
        hints = typing.get_type_hints(each)
        for field in dataclasses.fields(each):
            kinds, choices = _taken(hints[field.name])
            if field.init and kinds:
                found[field.name] = {"kinds": sorted(kinds)}
                if choices and kinds == {KINDS[type(choice)] for choice in choices}:
                    found[field.name]["choices"] = sorted(choices, key=json.dumps)
    return dict(sorted(found.items()))


def _taken(hint: Any) -> tuple[set[str], set[Any]]:
    """Return the kinds of values that a type takes, and its choices where it lists them."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        parts = [_taken(inner) for inner in arguments if inner is not type(None)]
        free = any(kinds and not choices for kinds, choices in parts)
        kinds = {kind for kinds, _ in parts for kind in kinds}
        return kinds, set() if free else {choice for _, found in parts for choice in found}
    if origin is typing.Literal:
        listed = {value for value in arguments if type(value) in KINDS}
        return {KINDS[type(value)] for value in listed}, listed
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        values = {member.value for member in hint if type(member.value) in KINDS}
        return {KINDS[type(value)] for value in values}, values
    kind = KINDS.get(origin or hint)
    return ({kind} if kind else set()), set()
