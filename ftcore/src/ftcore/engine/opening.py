"""Opens a recipe with the plugins at hand, and refuses here what a recipe alone can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftcore.data.cleaning import register_step
from ftcore.data.formats import register_format
from ftcore.engine.capabilities import check_capabilities
from ftcore.engine.engine_options import engine_options, other_tables
from ftcore.environments.accelerator import detect_accelerator
from ftcore.errors import Problem, RecipeError
from ftcore.evaluation.metric import get_metric, register
from ftcore.plugins import Plugins, load_plugins
from ftcore.recipe.loading import LoadedRecipe, load_recipe
from ftcore.recipe.rules import path_problems


@dataclass(frozen=True, slots=True)
class Changes:
    """What is asked for on top of a recipe file, by the command line or in Python."""

    backend: str | None = None
    profile: str | None = None
    model: str | None = None
    overrides: tuple[str, ...] = ()
    seed: int | None = None

    def __bool__(self) -> bool:
        return self != Changes()


def use_plugins() -> Plugins:
    """Load the plugins and register their formats, cleaning steps and metrics.

    Raises `DataError` or `PluginError` when two of them claim one name.
    """
    plugins = load_plugins()
    for reader in plugins.data_formats():
        register_format(reader)
    for step in plugins.cleaning_steps():
        register_step(step)
    for metric in plugins.metrics():
        register(metric)
    return plugins


def open_recipe(
    recipe: str | Path | LoadedRecipe, plugins: Plugins, changes: Changes
) -> LoadedRecipe:
    """Load a recipe (or take a loaded one) with ``changes`` on top, and check all it names.

    Raises `RecipeError` with every problem: those of the file, of files that it names, of unknown
    metrics, and what plugins find.
    """
    loaded = _loaded(recipe, changes)
    problems = [
        *_unknown_metrics(loaded.recipe.evaluation.metrics),
        *path_problems(loaded),
        *plugins.recipe_problems(loaded.recipe),
    ]
    if problems:
        raise RecipeError(
            f"{loaded.path.name} has {len(problems)} problem{'s' if len(problems) > 1 else ''}",
            problems=[loaded.placed(problem) for problem in problems],
            code=problems[0].code if len(problems) == 1 else None,
        )
    return loaded


def _loaded(recipe: str | Path | LoadedRecipe, changes: Changes) -> LoadedRecipe:
    if isinstance(recipe, LoadedRecipe):
        if not changes:
            return recipe
        before = _kept(recipe.overrides, changes)
        path, base, profile = recipe.path, recipe.base, changes.profile or recipe.profile
    else:
        before, path, base, profile = [], Path(recipe), None, changes.profile
    return load_recipe(
        path,
        profile=profile,
        overrides=(*before, *changes.overrides),
        backend=changes.backend,
        model=changes.model,
        seed=changes.seed,
        base=base,
    )


def _kept(overrides: Sequence[str], changes: Changes) -> list[str]:
    """Return earlier overrides without those that a shortcut of ``changes`` replaces."""
    replaced = {
        "default_backend": changes.backend,
        "model.id": changes.model,
        "model.revision": changes.model,
        "train.seed": changes.seed,
    }
    return [text for text in overrides if replaced.get(text.partition("=")[0]) is None]


def _unknown_metrics(names: Sequence[str]) -> list[Problem]:
    problems = []
    for name in names:
        try:
            get_metric(name)
        except RecipeError as error:
            problems.append(
                Problem(error.message, field="evaluation.metrics", fix=error.hint, code=error.code)
            )
    return problems


def check_recipe(loaded: LoadedRecipe, plugins: Plugins) -> list[str]:
    """Hold a recipe against its backend and this machine, as a run would; nothing is read.

    Returns what a run would remark or refuse here. Raises `UnsupportedError` for what the backend
    cannot do.
    """
    spec = plugins.backend(loaded.recipe.default_backend)
    device = detect_accelerator(loaded.recipe.launch.device).kind
    others = [other for other in plugins.backends().values() if other.name != spec.name]
    notes = check_capabilities(loaded, spec, others, device)
    options = engine_options(loaded, spec)
    return [
        *(f"outside the guarantee: [backend.{spec.name}] {name}" for name in options),
        *other_tables(loaded, spec, others),
        *(f"approximate, as accepted: {text}" for text in notes.approximate),
        *(f"would be refused here: {problem}" for problem in notes.machine),
    ]
