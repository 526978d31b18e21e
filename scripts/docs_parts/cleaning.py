"""The cleaning steps, from their registry."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import TypeAdapter

from docs_parts.text import code, table
from ftcore.data.cleaning import Step, steps


def reference() -> str:
    """Return every step: what it does, and its options."""
    return "\n\n".join(part for step in steps().values() for part in _step(step))


def _step(step: type[Step]) -> list[str]:
    about = (inspect.getdoc(step) or "").replace("``", "`")
    when = "Augments: adds rows to the training part, after the split." if step.augments else ""
    return [part for part in (f"### `{step.name}`", about, when, _options(step)) if part]


def _options(step: type[Step]) -> str:
    schema: dict[str, Any] = TypeAdapter(step.Options).json_schema()
    rows = [
        (code(name), _default(name, schema), option.get("description", ""))
        for name, option in schema.get("properties", {}).items()
    ]
    return table(("option", "default", "meaning"), rows) if rows else ""


def _default(name: str, schema: dict[str, Any]) -> str:
    if name in schema.get("required", ()):
        return "required"
    value = schema["properties"][name].get("default")
    if value is None:
        return "unset"
    if isinstance(value, list | tuple):
        return code("[" + ", ".join(f'"{item}"' for item in value) + "]")
    return code(str(value).lower() if isinstance(value, bool) else f"{value!r}".replace("'", '"'))
