"""`ft recipe show`: a recipe with profile and overrides applied and every default written out."""

from __future__ import annotations

from pathlib import Path

import click

from ftcore.cli import options


@click.command("show")
@options.recipe_argument
@options.changes_options
@options.seed_option
@options.json_option
def command(
    recipe: Path,
    backend: str | None,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    as_json: bool,
) -> None:
    """Print a recipe with every field written out.

    The profile and the changes of the command line are applied; the output is a recipe itself.
    """
    from ftcore.cli import output
    from ftcore.recipe.loading import load_recipe
    from ftcore.recipe.resolved import dump_resolved

    loaded = load_recipe(
        recipe, profile=profile, overrides=overrides, backend=backend, model=model, seed=seed
    )
    if as_json:
        output.show_json(loaded.recipe.model_dump(mode="json"))
    else:
        click.echo(dump_resolved(loaded), nl=False)
