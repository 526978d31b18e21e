"""`ft recipe new`: a shipped recipe with its data, or a first one for the user's rows."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ftcore.cli import options


@click.command("new")
@click.argument("name", metavar="NAME")
@click.argument(
    "folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path)
)
@click.option(
    "--from",
    "rows",
    type=click.Path(path_type=Path),
    help="Your rows: a file or folder that the new recipe trains on.",
)
@options.json_option
def command(name: str, folder: Path, rows: Path | None, as_json: bool) -> None:
    """Copy a shipped recipe, or start one from your rows.

    NAME is a recipe that ships with ft (nl2sql, ner, handbook_qa, persona), or with --from the
    name of the new one. It is written into DIR, by default this folder.
    """
    from ftcore.cli import output
    from ftcore.recipe.shipped import copy_recipe
    from ftcore.recipe.starter import starter_from_rows

    if rows is None:
        written = copy_recipe(name, folder)
    else:
        target = folder / (name if name.endswith(".toml") else f"{name}.toml")
        written = starter_from_rows(rows, target)
    if as_json:
        output.show_json({"recipe": str(written[0]), "files": [str(path) for path in written]})
        return
    recipe = shlex.quote(str(written[0]))
    more = f" and {len(written) - 1} files of data" if len(written) > 1 else ""
    output.show_lines(
        [
            f"wrote {written[0]}{more}",
            "next:",
            f"  ft data preview {recipe}",
            f"  ft run {recipe} --dry-run",
            f"  ft run {recipe}",
        ]
    )
