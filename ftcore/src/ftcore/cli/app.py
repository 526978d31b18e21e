"""The root of the command line."""

from __future__ import annotations

import click

from ftcore._version import __version__
from ftcore.cli.lazy import LazyGroup
from ftcore.cli.table import TABLE

HELP = """Fine-tune with any engine from one recipe: same recipe, same training problem.

\b
  ft recipe new ner          copies a recipe with its data
  ft run ner.toml --dry-run  shows the plan
  ft run ner.toml            trains, evaluates before and after, reports
"""

app = LazyGroup(
    TABLE,
    name="ft",
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda ctx, _, asked: _version(ctx) if asked else None,
            help="Show the version and exit.",
        )
    ],
)


def _version(ctx: click.Context) -> None:
    click.echo(f"ft {__version__}")
    ctx.exit()
