"""Puts the shipped recipes and their data into the wheel, from the source tree or from an sdist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LEFT_OUT = {"make", "__pycache__"}


class RecipesHook(BuildHookInterface):
    """Adds ``recipes/`` (without the scripts that make the data) as ``ftcore/_recipes``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Register every file of the recipes folder with the build."""
        root = Path(self.root)
        if version == "editable":
            return  # the source tree's own recipes are used
        recipes = next(f for f in (root / "recipes", root.parent / "recipes") if f.is_dir())
        target = "recipes" if self.target_name == "sdist" else "ftcore/_recipes"
        for path in sorted(recipes.rglob("*")):
            inside = path.relative_to(recipes)
            if path.is_file() and not LEFT_OUT & set(inside.parts):
                build_data["force_include"][str(path)] = f"{target}/{inside}"
