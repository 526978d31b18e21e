"""`ft data check`: everything odd about rows, with places; exit 7 when some are unusable."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ftcore.cli import options

if TYPE_CHECKING:
    from ftcore.engine.data_check import RecipeCheck

SIMILAR = 0.85  # Jaccard similarity from which on rows are nearly the same


@click.command("check")
@click.argument("sources", metavar="RECIPE|FILE...", nargs=-1, required=True)
@click.option("--format", "format_name", metavar="NAME", help="Format of the files' rows.")
@options.profile_option
@options.model_option
@options.set_option
@click.option("--no-tokens", is_flag=True, help="Do not render the rows for the recipe's model.")
@click.option(
    "--near", is_flag=True, help="Look for rows that are nearly the same, and such leakage."
)
@click.option(
    "--similarity",
    type=click.FloatRange(0.5, 1),
    help=f"From when on rows are nearly the same; {SIMILAR} unless told. Implies --near.",
)
@click.option("--languages", is_flag=True, help="Tell the languages of the rows.")
@click.option(
    "--all",
    "all_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every problem and warning to this file, as JSON lines.",
)
@options.offline_option
@options.json_option
@click.pass_context
def command(
    ctx: click.Context,
    sources: tuple[str, ...],
    format_name: str | None,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    no_tokens: bool,
    near: bool,
    similarity: float | None,
    languages: bool,
    all_file: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Check rows and report everything odd about them.

    Give one recipe (a .toml file) or files, folders and globs of rows. With a recipe, rows are
    looked at as training sees them (cleaned, split), rendered for its model (lengths, what would
    be cut), and held-out rows are compared with those of training.
    --near needs the library datasketch, --languages py3langid.
    Exit code 7 when there are rows that cannot be used.
    """
    from ftcore.cli import output
    from ftcore.cli.data_check_output import all_problems, gate, lines, write_scoring

    similar = SIMILAR if near and similarity is None else similarity
    changed = {"profile": profile, "model": model, "overrides": overrides}
    of_recipe = len(sources) == 1 and sources[0].endswith(".toml")
    if not of_recipe and any(changed.values()):
        raise click.UsageError("--profile, --model and --set need a recipe", ctx)
    with all_problems(all_file) as sink:
        extra: dict[str, Any] = {"languages": languages, "near": similar, "sink": sink}
        if of_recipe:
            if format_name is not None:
                changed["overrides"] = (*overrides, f"data.format={format_name}")
            extra |= {"tokens": not no_tokens, "offline": offline}
            found = _check_recipe(Path(sources[0]), changed, extra)
        else:
            found = _check_files(sources, format_name or "auto", **extra)
        if sink is not None:
            write_scoring(found, sink)
    error = gate(found)
    if as_json:
        output.show_json({"ok": error is None, **found.to_json()})
        ctx.exit(error.exit_code if error else 0)
    output.show_lines(lines(found))
    if error:
        raise error


def _check_recipe(recipe: Path, changed: dict[str, Any], extra: dict[str, Any]) -> RecipeCheck:
    from ftcore.cli import output
    from ftcore.engine.data_check import check_data
    from ftcore.engine.opening import open_recipe, use_plugins

    loaded = open_recipe(recipe, use_plugins(), options.changes(**changed))
    return check_data(loaded, **extra, notify=output.progress_line)


def _check_files(
    sources: tuple[str, ...],
    format_name: str,
    *,
    languages: bool,
    near: float | None,
    sink: IO[str] | None,
) -> RecipeCheck:
    from ftcore.data.checks import LookFor, check
    from ftcore.engine.data_check import RecipeCheck
    from ftcore.engine.opening import use_plugins

    use_plugins()
    report = check(
        list(sources),
        base=Path.cwd(),
        format=format_name,
        look_for=LookFor(languages=languages, near=near),
        sink=sink,
    )
    return RecipeCheck({"rows": report}, [])
