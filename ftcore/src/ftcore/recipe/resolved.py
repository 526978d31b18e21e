"""A recipe with every field written out: what a run really used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel

from ftcore.recipe.fields import is_table
from ftcore.recipe.header import read_header
from ftcore.recipe.loading import LoadedRecipe, load_recipe


def load_resolved(path: Path, given: str) -> LoadedRecipe:
    """Return the recipe of a run as it was loaded then, from its resolved file.

    ``given`` is the text of the recipe as given. Raises ValueError where the head is missing, and
    `RecipeError` for what this ft does not understand.
    """
    header = read_header(path.read_text(encoding="utf-8"))
    return replace(
        load_recipe(path, base=header.base),
        path=Path(header.path),
        text=given,
        profile=header.profile,
        overrides=header.overrides,
    )


def dump_resolved(loaded: LoadedRecipe) -> str:
    """Return every field of a loaded recipe as TOML, in the schema's order.

    Fields that are unset are comments, so that each field of the schema can be seen. Paths stay as
    written; the header says which folder they belong to. `load_recipe` reads the text back to an
    equal recipe.
    """
    lines = [
        f"# Every field of {_quoted(str(loaded.path))}, as ft resolved it.",
        f"# Relative paths belong to {_quoted(str(loaded.base))}.",
        f"# Profile: {_quoted(loaded.profile) if loaded.profile is not None else 'none'}",
    ]
    lines += [f"# Set on the command line: {_quoted(given)}" for given in loaded.overrides]
    return "\n".join(lines) + "\n" + recipe_toml(loaded.recipe)


def recipe_toml(table: BaseModel) -> str:
    """Return a recipe, or a table of one, as TOML."""
    return "".join(_table(table, ()))


def _table(table: BaseModel, path: tuple[str, ...]) -> Iterator[str]:
    # Tables and lists of tables may get headers of their own, which come after the plain values.
    header = f"[{'.'.join(path)}]\n" if path else ""
    yield "\n" + header
    late: list[str] = []
    for name, info in type(table).model_fields.items():
        value = getattr(table, name)
        if is_table(info.annotation):
            late += _table(value, (*path, name))
        elif value is None:
            yield f"# {name} is unset\n"
        elif isinstance(value, dict | list):
            text = _nested(path, name, _plain(value))
            if text.startswith(header) and (path or not text.startswith("[")):
                yield text.removeprefix(header)
            else:
                late.append("\n" + text)
        else:
            yield tomli_w.dumps({name: value})
    yield from late


def _nested(path: tuple[str, ...], name: str, value: Any) -> str:
    for part in (name, *reversed(path)):
        value = {part: value}
    return tomli_w.dumps(value)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)
