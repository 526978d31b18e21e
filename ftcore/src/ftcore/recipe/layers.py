"""From a file, a profile and overrides to one set of values, knowing where each came from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ftcore.errors import Problem
from ftcore.recipe.fields import KeyPath, accepts, type_at, type_text
from ftcore.recipe.key_lines import dotted, split_key
from ftcore.recipe.schema import Recipe
from ftcore.recipe.suggestions import meant


@dataclass
class Layers:
    """The values of a recipe before validation, and the origin of each.

    ``lines`` is the key index of the file, ``from_profile`` the paths that ``profile`` set, and
    ``given`` the paths set on the command line, with the words that set them.
    """

    file: str
    lines: Mapping[KeyPath, int]
    values: dict[str, Any]
    profile: str | None = None
    from_profile: set[KeyPath] = field(default_factory=set)
    given: dict[KeyPath, str] = field(default_factory=dict)

    def merge(self, changes: Mapping[str, Any]) -> None:
        """Merge a profile over the values: tables key by key, everything else replaced."""
        self._merge(self.values, changes, ())

    def _merge(self, values: dict[str, Any], changes: Mapping[str, Any], path: KeyPath) -> None:
        for key, change in changes.items():
            here = (*path, key)
            if isinstance(change, dict) and isinstance(values.get(key), dict):
                self._merge(values[key], change, here)
            else:
                values[key] = deepcopy(change)
                self.from_profile.add(here)

    def give(self, path: KeyPath, value: Any, words: str) -> None:
        """Set one value from the command line; tables on the way are made when absent."""
        table: Any = self.values
        for part in path[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                return  # the file has something else there, which validation reports
        table[path[-1]] = value
        self.given[path] = words

    def unset(self, path: KeyPath, words: str | None = None) -> None:
        """Take one value away, so that its default holds again.

        ``words`` are those of the command line; without them the profile does it.
        """
        table: Any = self.values
        for part in path[:-1]:
            table = table.get(part) if isinstance(table, dict) else None
        if isinstance(table, dict):
            table.pop(path[-1], None)
        if words is None:
            self.from_profile.add(path)
        else:
            self.given[path] = words

    def problem(self, path: KeyPath, message: str, fix: str | None, code: str) -> Problem:
        """Return a problem with ``path``, placed where its value was written."""
        for length in range(len(path), 0, -1):
            words = self.given.get(path[:length])
            if words is not None:
                return Problem(message, words, None, dotted(path), fix, code)
        profiled: KeyPath = ("profiles", self.profile or "")
        if any(path[:length] in self.from_profile for length in range(len(path), 0, -1)):
            where = (*profiled, *path)
            return Problem(message, self.file, self._line(where), dotted(where), fix, code)
        return Problem(message, self.file, self._line(path), dotted(path), fix, code)

    def _line(self, path: KeyPath) -> int:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def apply_overrides(layers: Layers, overrides: Sequence[str]) -> list[Problem]:
    """Apply every ``key=value``; return what is wrong with them.

    The value is read as TOML where that gives a type that the field takes, else as bare text;
    an empty value takes the key away, so that its default holds.
    """
    problems = []
    for override in overrides:
        words = f"--set {override}"
        key, equals, text = override.partition("=")
        path = split_key(key.strip()) if equals else None
        if path is None:
            message = f"expected key=value, found {override!r}"
            fix = "write for example --set train.epochs=2"
            problems.append(Problem(message, "--set", fix=fix, code="recipe.override"))
            continue
        problem = _refused(path, text, words)
        if problem:
            problems.append(problem)
        elif text.strip() == "":
            layers.unset(path, words)
        else:
            layers.give(path, _value(text.strip(), type_at(Recipe, path)), words)
    return problems


def _refused(path: KeyPath, text: str, words: str) -> Problem | None:
    if type_at(Recipe, path) is None:
        table = path[:-1]
        while table and type_at(Recipe, table) is None:
            table = table[:-1]
        key = str(path[len(table)])
        inside = type_at(Recipe, table)
        if not table or accepts(inside, dict):
            message, fix = "unknown key", meant(table, key)
        else:
            message = f"`{dotted(table)}` is {type_text(inside)} and has no keys of its own"
            fix = f"--set {dotted(table)}=..."
        return Problem(message, words, None, dotted(path), fix, "recipe.unknown-key")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        message = "the value is not valid text"
        return Problem(message, "--set", None, dotted(path), "use UTF-8", "recipe.override")
    return None


def _value(text: str, annotation: Any) -> Any:
    """Return ``text`` as a TOML value, or as it stands where that is not what the field takes."""
    value = parsed(text)
    if not accepts(annotation, type(value)) and accepts(annotation, str):
        return text
    return value


def parsed(text: str) -> Any:
    """Return ``text`` as a TOML value, or ``text`` itself where it is none."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if set(table) == {"value"} else text
