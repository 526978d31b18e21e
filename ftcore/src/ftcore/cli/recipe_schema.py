"""`ft recipe schema`: the JSON Schema of recipes."""

from __future__ import annotations

import click

from ftcore.cli import options


@click.command("schema")
@options.json_option
def command(as_json: bool) -> None:
    """Print the JSON Schema of recipes, for editors.

    It is JSON with or without --json.
    """
    from ftcore.recipe.json_schema import schema_text

    click.echo(schema_text(), nl=False)
