"""The fields of the recipe as data: path, type in plain words, default, description.

Documentation, error messages, `ft backends show` and the tests that walk every field read the
schema through this module, so that it is described in one place only.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

KeyPath = tuple[str | int, ...]

# Patterns of the schema in words.
PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": "of letters, digits and `_.-`",
    r"^[^=]+=.+$": "of the form FIELD=VALUE",
}
NON_EMPTY = "non-empty text"
WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One field that holds a value: ``type`` is in plain words, ``default`` None when unset."""

    path: str
    type: str
    default: Any
    required: bool
    description: str


def leaf_fields(model: type[BaseModel]) -> dict[str, Leaf]:
    """Return every field below ``model`` that holds a value, keyed by its dotted path, in order."""
    return {leaf.path: leaf for leaf in _leaves(model, "")}


def _leaves(model: type[BaseModel], prefix: str) -> Iterator[Leaf]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        if is_table(info.annotation):
            yield from _leaves(typing.cast(type[BaseModel], info.annotation), f"{path}.")
            continue
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        words = type_text(field_type(info))
        yield Leaf(path, words, default, info.is_required(), info.description or "")


def table_paths(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted path of every table below ``model``, in order."""
    found = []
    for name, info in model.model_fields.items():
        if is_table(info.annotation):
            inner = typing.cast(type[BaseModel], info.annotation)
            found += [f"{prefix}{name}", *table_paths(inner, f"{prefix}{name}.")]
    return found


def is_table(annotation: Any) -> bool:
    """Say whether an annotation is a table of the schema."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def field_type(info: FieldInfo) -> Any:
    """Return a field's type with the limits that pydantic moved out of it."""
    limits = tuple(info.metadata)
    return Annotated[(info.annotation, *limits)] if limits else info.annotation


def type_at(annotation: Any, path: KeyPath) -> Any:
    """Return the type at ``path`` below ``annotation``, or None where there is no such key."""
    if not path:
        return annotation
    for option in options(annotation):
        found = _step(option, path)
        if found is not None:
            return found
    return None


def _step(option: Any, path: KeyPath) -> Any:
    origin, arguments = typing.get_origin(option), typing.get_args(option)
    head, rest = path[0], path[1:]
    if is_table(option) and isinstance(head, str):
        info = option.model_fields.get(head)
        return None if info is None else type_at(field_type(info), rest)
    if origin is list and isinstance(head, int):
        return type_at(arguments[0], rest)
    if origin is dict and isinstance(head, str):
        return type_at(arguments[1], rest)
    return Any if option is Any else None


def options(annotation: Any) -> list[Any]:
    """Return the alternatives of a type, limits and None taken off."""
    if typing.get_origin(annotation) is Annotated:
        return options(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = [options(inner) for inner in typing.get_args(annotation)]
        return [option for group in found for option in group]
    return [] if annotation is type(None) else [annotation]


def accepts(annotation: Any, kind: type) -> bool:
    """Say whether a value of the Python type ``kind`` can be valid for ``annotation``."""
    for option in options(annotation):
        origin = typing.get_origin(option)
        if option is Any or option is kind or origin is kind or (kind is int and option is float):
            return True
        if origin is Literal and any(type(value) is kind for value in typing.get_args(option)):
            return True
        if kind is dict and is_table(option):
            return True
    return False


def type_text(annotation: Any) -> str:
    """Return a type in plain words, such as ``a whole number above 0`` or ``"a" or "b"``."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _limited(type_text(arguments[0]), arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return _either([type_text(inner) for inner in arguments if inner is not type(None)])
    if origin is Literal:
        return _either([_literal(value) for value in arguments])
    if origin is list:
        return f"a list of {type_text(arguments[0])}"
    if origin is dict:
        return "a table"
    return WORDS.get(annotation, "a table" if is_table(annotation) else "a value")


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def _limited(words: str, limits: Sequence[Any]) -> str:
    parts = []
    for limit in _flat(limits):
        match limit:
            case annotated_types.MinLen():
                words = (
                    f"a non-empty {words.removeprefix('a ')}" if "a list" in words else NON_EMPTY
                )
            case annotated_types.Gt(gt=low):
                parts.append(f"above {low}")
            case annotated_types.Ge(ge=low):
                parts.append(f"of {low} or more")
            case annotated_types.Lt(lt=high):
                parts.append(f"below {high}")
            case annotated_types.Le(le=high):
                parts.append(f"up to {high}")
            case _:
                pattern = getattr(limit, "pattern", None)
                parts += [PATTERNS.get(pattern, f"that matches {pattern}")] if pattern else []
    return " ".join([words, " and ".join(parts)]) if parts else words


def _flat(limits: Sequence[Any]) -> Iterator[Any]:
    for limit in limits:
        if isinstance(limit, FieldInfo):
            yield from _flat(limit.metadata)
        else:
            yield limit
