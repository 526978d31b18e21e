"""What `ft eval` is asked to evaluate: a run, an adapter, a model, a file of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ftcore.errors import ModelError, RecipeError
from ftcore.recipe.header import read_header
from ftcore.recipe.loading import LoadedRecipe, load_recipe
from ftcore.runs.folder import MANIFEST, RunFolder
from ftcore.runs.listing import find_run


@dataclass(frozen=True, slots=True)
class Target:
    """What is evaluated.

    ``model`` replaces the recipe's model where it is not None; ``fingerprint`` is what the base
    model must have then. ``run`` is the run whose adapter it is. "predictions" is a file of answers
    that were made elsewhere.
    """

    kind: Literal["run", "adapter", "model", "predictions"]
    path: Path
    model: str | None = None
    adapter: Path | None = None
    fingerprint: str | None = None
    run: RunFolder | None = None


def find_target(name: str, runs: Path) -> Target:
    """Return what ``name`` means: a folder with a run, an adapter or a model, a file, a run's id.

    Raises `RunNotFound`, or `ModelError` for a folder that holds none of the three.
    """
    folder = Path(name).expanduser()
    if folder.is_file():
        return Target("predictions", folder.resolve())
    if folder.is_dir() and not (folder / MANIFEST).exists():
        folder = folder.resolve()
        if (folder / "adapter_config.json").exists():
            return Target("adapter", folder, adapter=folder)
        if (folder / "config.json").exists():
            return Target("model", folder, model=str(folder))
        raise ModelError(
            f"{name} holds no run, no adapter and no model",
            hint="a run has run.json, an adapter adapter_config.json, a model config.json",
            code="model.no-target",
        )
    return _run_target(find_run(name, runs))


def _run_target(run: RunFolder) -> Target:
    adapter = run.file("adapter")
    plan = run.read_json("plan.json")
    if plan is None or not any(adapter.glob("*.safetensors")):
        raise ModelError(
            f"run {run.path.name} is {run.manifest().state} and has no adapter to evaluate",
            hint="`ft runs list` shows the finished ones",
            code="model.no-adapter",
        )
    model = plan["model"]
    # A folder's name may have been relative to the recipe; the plan knows where it was.
    name = model["folder"] if model["source"] == "folder" else model["id"]
    return Target("run", run.path, str(name), adapter, model["fingerprint"], run)


def own_recipe(target: Target) -> LoadedRecipe:
    """Return the recipe with which the target's run was made; `RecipeError` where there is none."""
    file = target.run.file("resolved.toml") if target.run is not None else None
    if file is None or not file.exists():
        raise RecipeError(
            f"which recipe's test rows? {target.path.name} does not say",
            hint="name the recipe with --recipe",
            code="recipe.needed",
        )
    try:
        base = read_header(file.read_text(encoding="utf-8")).base
    except ValueError as error:
        raise RecipeError(
            f"{file} is damaged: {error}",
            hint="name the recipe with --recipe",
            code="recipe.needed",
        ) from error
    return load_recipe(file, base=base)
