"""The recipe as a JSON Schema, for completion and checks in editors."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from ftcore.recipe.profiles import UNSET
from ftcore.recipe.schema import Recipe

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PARTIAL = "Partial"


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a recipe file, profiles included."""
    schema = Recipe.model_json_schema()
    tables = {"Recipe": _without_tables(schema), **schema.pop("$defs")}
    partial = {PARTIAL + name: _partial(table) for name, table in tables.items()}
    partial[f"{PARTIAL}Recipe"]["properties"][UNSET] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Keys of the recipe to take away, so that their defaults hold.",
    }
    root = _simplified(tables.pop("Recipe"))
    root["properties"]["profiles"] = {
        "type": "object",
        "description": "Named changes over the recipe: `ft run RECIPE --profile NAME`.",
        "additionalProperties": {"$ref": f"#/$defs/{PARTIAL}Recipe"},
    }
    definitions = {name: _simplified(table) for name, table in {**tables, **partial}.items()}
    return {"$schema": DIALECT, "title": "ft recipe", **root, "$defs": _used(root, definitions)}


def schema_text() -> str:
    """Return the JSON Schema as text, as `ft recipe schema` prints it."""
    return json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"


def _without_tables(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("$defs", "title")}


def _partial(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table of which a profile may give any part; its inner tables are partial too."""
    table = deepcopy(table)
    table.pop("required", None)
    for value in table["properties"].values():
        if "$ref" in value:
            value["$ref"] = value["$ref"].replace("#/$defs/", f"#/$defs/{PARTIAL}")
    return table


def _simplified(table: dict[str, Any]) -> dict[str, Any]:
    """Take out what TOML or an editor has no use for: null, titles, defaults of whole tables."""
    table = deepcopy(table)
    for value in table["properties"].values():
        value.pop("title", None)
        if "$ref" in value or value.get("default", 0) is None:
            value.pop("default", None)
        kinds = [kind for kind in value.get("anyOf", []) if kind != {"type": "null"}]
        if kinds:
            value["anyOf"] = kinds
        if len(kinds) == 1:
            value.update(value.pop("anyOf")[0])
    return table


def _used(root: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the definitions that ``root`` refers to, directly or through others, sorted."""
    found: set[str] = set()
    queue: list[Any] = [root]
    while queue:
        text = json.dumps(queue.pop())
        names = {name for name in definitions if f'"#/$defs/{name}"' in text} - found
        found |= names
        queue += [definitions[name] for name in names]
    return {name: definitions[name] for name in sorted(found)}
