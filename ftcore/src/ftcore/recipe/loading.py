"""Reading a recipe: file, profile, overrides, validation; every problem in one error."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

from ftcore.errors import Problem, RecipeError
from ftcore.recipe.document import parse, read_text
from ftcore.recipe.key_lines import field_path, key_lines
from ftcore.recipe.layers import Layers, apply_overrides
from ftcore.recipe.not_yet import not_yet_problems
from ftcore.recipe.profiles import Profile, pick, read_profiles
from ftcore.recipe.rules import rule_problems
from ftcore.recipe.schema import Recipe
from ftcore.recipe.validation import validate


@dataclass(frozen=True)
class LoadedRecipe:
    """A valid recipe with where it came from.

    ``path`` is the file, ``text`` its text as read, ``base`` the folder that its paths resolve
    against; ``profile`` and ``overrides`` are what was chosen on top of the file.
    """

    recipe: Recipe
    path: Path
    text: str
    base: Path
    profile: str | None
    overrides: tuple[str, ...]
    layers: Layers = field(repr=False, compare=False)

    def placed(self, problem: Problem) -> Problem:
        """Return a problem whose ``field`` is a field of the recipe with file and line filled in.

        For what is found later: capabilities, files, the rules of plugins.
        """
        return _placed(problem, self.layers)

    def resolve(self, relative: str | os.PathLike[str]) -> Path:
        """Return a path of the recipe as an absolute path (`~` expanded)."""
        return Path(os.path.normpath(self.base / Path(relative).expanduser()))


def load_recipe(
    path: str | os.PathLike[str],
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    backend: str | None = None,
    model: str | None = None,
    seed: int | None = None,
    base: str | os.PathLike[str] | None = None,
) -> LoadedRecipe:
    """Read and validate a recipe.

    ``overrides`` are ``key=value`` with dotted keys; ``backend``, ``model`` and ``seed`` are
    shortcuts for `default_backend`, `model.id` (which also clears `model.revision`) and
    `train.seed`. ``base`` is the folder for relative paths where it is not the file's own, as for
    the resolved recipe in a run directory. Raises `RecipeError` with every problem found, also
    those of profiles that were not chosen; files that the recipe names are not looked at.
    """
    path = Path(path)
    text = read_text(path)
    values = parse(text, path)
    lines = key_lines(text)
    written = values.pop("profiles", {})
    base = Path(base) if base is not None else path.parent
    file = Layers(str(path), lines, values)
    profiles, problems = read_profiles(written, file)
    layers = replace(file, values=deepcopy(values), from_profile=set(), given={})
    if profile is not None and not problems:
        pick(profiles, profile, str(path)).apply(layers)
    given = _shortcuts(layers, backend, model, seed)
    problems += apply_overrides(layers, overrides)
    recipe, found = check(layers)
    problems += found
    for other in profiles.values():
        problems += _other_profile(file, other) if other.name != profile else []
    if recipe is None or problems:
        raise _error(path, problems)
    return LoadedRecipe(recipe, path, text, base.resolve(), profile, (*given, *overrides), layers)


def check(layers: Layers) -> tuple[Recipe | None, list[Problem]]:
    """Return the recipe of ``layers`` with all that is wrong: types, contradictions, not yet."""
    recipe, problems = validate(layers)
    if recipe is None:
        return None, problems
    waiting = not_yet_problems(recipe)
    refused = {problem.field for problem in waiting}
    rules = [problem for problem in rule_problems(recipe) if problem.field not in refused]
    return recipe, [_placed(problem, layers) for problem in (*waiting, *rules)]


def _placed(problem: Problem, layers: Layers) -> Problem:
    """Return a problem of a rule with the place where its field was written."""
    path = field_path(problem.field or "")
    return layers.problem(path, problem.message, problem.fix, problem.code or "recipe")


def _shortcuts(
    layers: Layers, backend: str | None, model: str | None, seed: int | None
) -> list[str]:
    """Apply the shortcuts and return them as ``key=value``."""
    given = []
    if backend is not None:
        layers.give(("default_backend",), backend, f"--backend {backend}")
        given.append(f"default_backend={json.dumps(backend, ensure_ascii=False)}")
    if model is not None:
        # A revision belongs to the model that the recipe names, not to the one given here.
        layers.unset(("model", "revision"), f"--model {model}")
        layers.give(("model", "id"), model, f"--model {model}")
        given += [f"model.id={json.dumps(model, ensure_ascii=False)}", "model.revision="]
    if seed is not None:
        layers.give(("train", "seed"), seed, f"--seed {seed}")
        given.append(f"train.seed={seed}")
    return given


def _other_profile(file: Layers, profile: Profile) -> list[Problem]:
    """Return what is wrong with the file under a profile that was not chosen, and not without."""
    layers = replace(file, values=deepcopy(file.values), from_profile=set())
    profile.apply(layers)
    own = set(_lasting_problems(layers)) - set(_lasting_problems(file))
    return [
        problem
        if (problem.field or "").startswith("profiles")
        else replace(problem, message=f"with profile {profile.name}: {problem.message}")
        for problem in sorted(own, key=lambda problem: (problem.line or 0, problem.message))
    ]


def _lasting_problems(layers: Layers) -> list[Problem]:
    """Return what is wrong whatever ft can do by now: types and contradictions."""
    recipe, problems = validate(layers)
    rules = rule_problems(recipe) if recipe else []
    return problems + [_placed(problem, layers) for problem in rules]


def _error(path: Path, problems: Sequence[Problem]) -> RecipeError:
    unique = list(dict.fromkeys(problems))
    codes = {problem.code for problem in unique}
    count = "1 problem" if len(unique) == 1 else f"{len(unique)} problems"
    code = codes.pop() if len(codes) == 1 else None
    return RecipeError(f"{path.name} has {count}", code=code, problems=unique)
