"""What each backend can do, from what the backends declare."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from docs_parts.recipes import toml
from docs_parts.text import code, table

from ftcore.backends import BackendSpec, Capability
from ftcore.engine.capabilities import ABSENT, BACKEND_FIELDS
from ftcore.plugins import load_plugins
from ftcore.recipe.fields import options, type_at
from ftcore.recipe.not_yet import NOT_YET
from ftcore.recipe.schema import Recipe

MISSING = Capability("unsupported")


def listing() -> str:
    """Return the backends with what they are made of."""
    rows = []
    for spec in load_plugins().backends().values():
        place = spec.environment
        torch = f"torch {place.torch}" if place.torch else "no torch"
        rows.append((code(spec.name), spec.summary, f"Python {place.requires_python}, {torch}"))
    return table(("backend", "what it is", "its environment"), rows)


def capabilities() -> str:
    """Return the table of fields and values against backends."""
    specs = list(load_plugins().backends().values())
    rows = [
        (code(name), *(_word(spec, path, value) for spec in specs))
        for path in BACKEND_FIELDS
        for name, value in _values(path)
    ]
    return table(("field or value", *(code(spec.name) for spec in specs)), rows)


def _values(path: str) -> Iterator[tuple[str, Any]]:
    """Yield each value of a field that has few, else the field itself (value None)."""
    choices = list(_choices(type_at(Recipe, tuple(path.split(".")))))
    if not choices:
        yield path, None
    for choice in choices:
        if choice not in ABSENT:
            yield f"{path} = {toml(choice)}", choice


def _choices(annotation: Any) -> Iterator[Any]:
    found = options(annotation)
    for option in found:
        if typing.get_origin(option) is typing.Literal and len(found) == 1:
            yield from typing.get_args(option)
        elif typing.get_origin(option) is list and len(found) == 1:
            yield from _choices(typing.get_args(option)[0])


def _word(spec: BackendSpec, path: str, value: Any) -> str:
    waiting = NOT_YET.get(path)
    if waiting and (value is None or value not in waiting.honoured):
        return "not yet"
    found = spec.capability(path, value) if value is not None else _field(spec, path)
    if found.state == "unsupported":
        return "–"
    where = f" on {', '.join(found.devices)} only" if found.devices else ""
    note = f": {found.note}" if found.note else ""
    return f"{found.state.replace('_', ' ')}{where}{note}"


def _field(spec: BackendSpec, path: str) -> Capability:
    return spec.capabilities.get(path, MISSING)
