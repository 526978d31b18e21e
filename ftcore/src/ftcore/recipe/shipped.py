"""The recipes that ship with ft, and copying one with its data."""

from __future__ import annotations

import shutil
from pathlib import Path

from ftcore.errors import RecipeError
from ftcore.recipe.suggestions import nearest

PACKAGE = Path(__file__).resolve().parents[1]


def shipped_folder() -> Path | None:
    """Return the folder of the shipped recipes: package data, else the source tree's `recipes/`."""
    packaged = PACKAGE / "_recipes"
    if packaged.is_dir():
        return packaged
    distribution = PACKAGE.parents[1]
    tree = distribution.parent / "recipes"
    return tree if tree.is_dir() and (distribution / "pyproject.toml").is_file() else None


def shipped_recipes() -> dict[str, Path]:
    """Return the shipped recipes' files by name, sorted."""
    folder = shipped_folder()
    return {path.stem: path for path in sorted(folder.glob("*.toml"))} if folder else {}


def copy_recipe(name: str, target: Path) -> list[Path]:
    """Copy a shipped recipe and its data into the folder ``target``.

    Paths inside the recipe stay valid. Returns the files written. `RecipeError` when there is no
    such recipe, or when any file is already there: nothing is overwritten.
    """
    recipes = shipped_recipes()
    if name not in recipes:
        close = nearest(name, recipes)
        there = f"did you mean {close}?" if close else f"those that ship: {', '.join(recipes)}"
        raise RecipeError(f"no recipe {name!r} ships with ft", hint=there, code="recipe.unknown")
    source = recipes[name]
    files = {source: target / source.name}
    for found in data_files(source):
        files[found] = target / found.relative_to(source.parent)
    refuse_overwriting(list(files.values()))
    for origin, copy in files.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, copy)
    return list(files.values())


def refuse_overwriting(paths: list[Path]) -> None:
    """Raise `RecipeError` when one of ``paths`` exists already."""
    present = [path for path in paths if path.exists() or path.is_symlink()]
    if present:
        more = f" and {len(present) - 1} more" if len(present) > 1 else ""
        raise RecipeError(
            f"{present[0]} is there already{more}",
            hint="choose another folder or name; nothing was written",
            code="recipe.exists",
        )


def data_files(recipe: Path) -> list[Path]:
    """Return the files of a shipped recipe's data: all of `data/NAME` beside it, sorted."""
    folder = recipe.parent / "data" / recipe.stem
    return sorted(path for path in folder.rglob("*") if path.is_file())
