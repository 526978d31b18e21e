"""`[profiles.NAME]`: named changes over a recipe.

A profile holds any part of a recipe. ``unset = ["data.test"]`` in it takes keys of the recipe away,
so that their defaults hold: TOML has no value that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftcore.errors import Problem, RecipeError
from ftcore.recipe.fields import KeyPath, type_at
from ftcore.recipe.key_lines import dotted, split_key
from ftcore.recipe.layers import Layers
from ftcore.recipe.schema import Recipe
from ftcore.recipe.suggestions import meant
from ftcore.recipe.validation import shown

UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile: the keys that it takes away, then the values that it sets."""

    name: str
    unset: tuple[KeyPath, ...]
    changes: Mapping[str, Any]

    def apply(self, layers: Layers) -> None:
        """Merge the profile over the values of ``layers``."""
        layers.profile = self.name
        for path in self.unset:
            layers.unset(path)
        layers.merge(self.changes)


def read_profiles(written: Any, layers: Layers) -> tuple[dict[str, Profile], list[Problem]]:
    """Return the profiles of a file by name, and what is wrong with how they are written."""
    if not isinstance(written, dict):
        return {}, [_not_a_table(("profiles",), written, layers)]
    profiles: dict[str, Profile] = {}
    problems: list[Problem] = []
    for name, table in written.items():
        place: KeyPath = ("profiles", name)
        if not isinstance(table, dict):
            problems.append(_not_a_table(place, table, layers))
            continue
        keys, wrong = _unset(table.get(UNSET, []), (*place, UNSET), layers)
        changes = {key: value for key, value in table.items() if key != UNSET}
        profiles[name] = Profile(name, keys, changes)
        problems += wrong
    return profiles, problems


def pick(profiles: Mapping[str, Profile], name: str, file: str) -> Profile:
    """Return the profile ``name``; `RecipeError` with those that exist when it is not one."""
    if name not in profiles:
        there = f"profiles here: {', '.join(profiles)}" if profiles else "it has no profiles"
        raise RecipeError(
            f"{file} has no profile {name!r}", hint=there, code="recipe.unknown-profile"
        )
    return profiles[name]


def _unset(
    written: Any, place: KeyPath, layers: Layers
) -> tuple[tuple[KeyPath, ...], list[Problem]]:
    if not isinstance(written, list) or not all(isinstance(key, str) for key in written):
        message = f"expected a list of keys in quotes, found {shown(written)}"
        fix = 'write for example unset = ["data.test"]'
        return (), [layers.problem(place, message, fix, "recipe.type")]
    paths, problems = [], []
    for position, key in enumerate(written):
        path = split_key(key)
        if path is None or type_at(Recipe, path) is None:
            fix = meant(path[:-1], path[-1]) if path else "write keys with dots: data.test"
            where = (*place, position)
            problems.append(
                layers.problem(where, f"unknown key {shown(key)}", fix, "recipe.unknown-key")
            )
        else:
            paths.append(path)
    return tuple(paths), problems


def _not_a_table(place: KeyPath, value: Any, layers: Layers) -> Problem:
    fix = f"write a profile as [{dotted(place[:1])}.NAME]"
    return layers.problem(place, f"expected a table, found {shown(value)}", fix, "recipe.type")
