"""What each backend can do, from what the backends declare."""

from __future__ import annotations

from docs_parts.text import code, table
from ftcore.backends import BackendSpec
from ftcore.display.capability_table import CapabilityLine, capability_lines
from ftcore.plugins import load_plugins

Key = tuple[str, str | None]


def listing() -> str:
    """Return the backends with what they are made of."""
    rows = []
    for spec in _specs():
        place = spec.environment
        torch = f"torch {place.torch}" if place.torch else "no torch"
        rows.append((code(spec.name), spec.summary, f"Python {place.requires_python}, {torch}"))
    return table(("backend", "what it is", "its environment"), rows)


def capabilities() -> str:
    """Return the table of fields and values against backends."""
    specs = _specs()
    lines = [{(line.field, line.value): line for line in capability_lines(s)} for s in specs]
    # Backends may differ in which fields they declare value by value.
    keys: dict[Key, None] = dict.fromkeys(key for found in lines for key in found)
    order = {field: number for number, (field, _) in enumerate(keys)}
    rows = [
        (
            code(f"{field} = {value}" if value else field),
            *(_word(each, field, value) for each in lines),
        )
        for field, value in sorted(keys, key=lambda key: order[key[0]])
    ]
    return table(("field or value", *(code(spec.name) for spec in specs)), rows)


def _specs() -> list[BackendSpec]:
    return list(load_plugins().backends().values())


def _word(lines: dict[Key, CapabilityLine], field: str, value: str | None) -> str:
    found = lines.get((field, value)) or lines.get((field, None))
    if found is None:
        return "value by value"
    if found.state == "not_yet":
        return "not yet"
    if found.state == "unsupported":
        return "–"
    where = f" on {', '.join(found.devices)} only" if found.devices else ""
    return f"{found.state}{where}" + (f": {found.note}" if found.note else "")
