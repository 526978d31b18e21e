"""`ft recipe validate`: every problem of a recipe at once."""

from __future__ import annotations

from pathlib import Path

import click

from ftcore.cli import options


@click.command("validate")
@options.recipe_argument
@options.changes_options
@options.json_option
def command(
    recipe: Path,
    backend: str | None,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check a recipe; every problem at once.

    Keys, types, contradictions, all profiles, the files it names, and what the backend can do.
    The rows are not read: that is `ft data check`.
    """
    from ftcore.cli import output
    from ftcore.engine.opening import check_recipe, open_recipe, use_plugins

    plugins = use_plugins()
    changes = options.changes(backend=backend, profile=profile, model=model, overrides=overrides)
    loaded = open_recipe(recipe, plugins, changes)
    notes = check_recipe(loaded, plugins)
    if as_json:
        output.show_json({"recipe": str(recipe), "valid": True, "notes": notes})
    else:
        output.show_lines([f"{recipe} is valid", *notes])
