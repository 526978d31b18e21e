"""The recipe reference, from the schema, and the table of shipped recipes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from docs_parts.text import code, first_sentence, table
from ftcore.recipe.fields import Leaf, is_table, leaf_fields
from ftcore.recipe.not_yet import NOT_YET
from ftcore.recipe.schema import Recipe
from ftcore.recipe.shipped import shipped_recipes

HEAD = ("field", "type", "default", "meaning", "state")


def fields() -> str:
    """Return every field of the recipe, a table for each table of the file."""
    leaves = leaf_fields(Recipe)
    parts = []
    for path, section in _sections(Recipe, ""):
        inside = [leaf for leaf in leaves.values() if _parent(leaf.path) == path]
        if not inside:
            continue
        title = f"### `[{path}]`" if path else "### Top of the file"
        rows = [
            _row(leaf, leaf.path.removeprefix(f"{path}.") if path else leaf.path) for leaf in inside
        ]
        parts += [title, first_sentence(section), table(HEAD, rows)]
    return "\n\n".join(parts)


def _sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, info in model.model_fields.items():
        if is_table(info.annotation):
            assert info.annotation is not None
            yield from _sections(info.annotation, f"{path}.{name}" if path else name)


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _row(leaf: Leaf, name: str) -> tuple[str, ...]:
    default = "required" if leaf.required else _default(leaf.default)
    return code(name), leaf.type, default, leaf.description, _state(leaf)


def _default(value: Any) -> str:
    return "unset" if value is None else code(toml(value))


def toml(value: Any) -> str:
    """Return a default as TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list():
            return "[" + ", ".join(toml(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)


def _state(leaf: Leaf) -> str:
    entry = NOT_YET.get(leaf.path)
    if entry is None:
        return "works"
    works = ", ".join(code(toml(value)) for value in entry.honoured if value is not None)
    named = works and leaf.type not in ("a whole number above 0", "true or false")
    if not named:
        return f"**not yet** ({entry.what})"
    return f"only {works} so far, the rest **not yet**"


def shipped() -> str:
    """Return the shipped recipes with their rows, metric and profiles."""
    rows = []
    for name, path in shipped_recipes().items():
        recipe = tomllib.loads(path.read_text("utf-8"))
        counts = [_lines(path.parent / recipe["data"][part]) for part in ("train", "test")]
        evaluation = recipe["evaluation"]
        where = evaluation.get("main_slice", "")
        metric = code(evaluation["main_metric"]) + (f" on {code(where)}" if where else "")
        profiles = ", ".join(code(profile) for profile in recipe.get("profiles", {}))
        sizes = f"{counts[0]} / {counts[1]}"
        what = recipe["description"]
        rows.append((f"[{code(name)}](../recipes/{name}.toml)", what, sizes, metric, profiles))
    return table(
        ("recipe", "what it teaches", "rows, train / test", "main metric", "profiles"), rows
    )


def _lines(path: Any) -> int:
    return sum(1 for line in path.read_text("utf-8").splitlines() if line.strip())
