"""`ft data preview`: rows as the model sees them, what is trained on in colour."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ftcore.cli import options

if TYPE_CHECKING:
    from ftcore.display.preview import Preview


@click.command("preview")
@options.recipe_argument
@options.profile_option
@options.model_option
@options.set_option
@click.option("--rows", default=3, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option(
    "--part",
    default="train",
    show_default=True,
    type=click.Choice(["train", "validation", "test"]),
    help="Of which part.",
)
@click.option("--lost", is_flag=True, help="Only rows that are cut or dropped.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page to this file."
)
@options.offline_option
@options.json_option
def command(
    recipe: Path,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    rows: int,
    part: Literal["train", "validation", "test"],
    lost: bool,
    html: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Show rows as the model sees them.

    Special tokens are visible, and what is trained on is marked: the answers and the token that
    ends each of them.
    """
    from ftcore import face
    from ftcore.cli import output
    from ftcore.engine.observer import Observer

    found = face.preview(
        recipe,
        profile=profile,
        model=model,
        overrides=overrides,
        part=part,
        rows=rows,
        lost=lost,
        offline=offline,
        progress=Observer(),
    )
    if html is not None:
        html.write_text(found.to_page(f"{recipe.name}: {part} rows"), encoding="utf-8")
    if as_json:
        output.show_json(_data(found, html))
    elif html is not None:
        output.show_lines([f"wrote {html}"])
    else:
        click.echo(found.to_ansi() if sys.stdout.isatty() else found.to_text())


def _data(found: Preview, html: Path | None) -> dict[str, Any]:
    from dataclasses import asdict

    rows = [
        {
            "row_id": item.row.row_id,
            "source": str(item.row.source),
            "status": item.rendered.status,
            "reason": item.rendered.reason,
            "detail": item.rendered.detail,
            "tokens": len(item.rendered.input_ids),
            "supervised": item.rendered.supervised,
            "boundary": item.rendered.boundary,
            "segments": [asdict(segment) for segment in item.segments],
        }
        for item in found
    ]
    return {"rows": rows, "html": str(html) if html else None}
