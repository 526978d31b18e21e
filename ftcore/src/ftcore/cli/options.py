"""Options that several commands share, so that each means the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ftcore.engine.opening import Changes

F = TypeVar("F", bound=Callable[..., Any])


def complete_backends(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the installed backends, for completion in a shell."""
    from click.shell_completion import CompletionItem

    from ftcore.plugins import load_plugins

    found = load_plugins().backends()
    return [CompletionItem(n, help=s.summary) for n, s in found.items() if n.startswith(incomplete)]


def complete_runs(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the runs below the default folder, for completion in a shell."""
    from click.shell_completion import CompletionItem

    from ftcore.runs.listing import list_runs, runs_root

    names = [run.path.name for run in list_runs(runs_root(ctx.params.get("runs")))]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
)
quiet_option = click.option("--quiet", is_flag=True, help="No progress; only the result.")
offline_option = click.option(
    "--offline", is_flag=True, help="Use only what is here already: caches and local folders."
)
runs_option = click.option(
    "--runs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where run directories are kept.  [default: $FT_RUNS, else ./runs]",
)
backend_option = click.option(
    "--backend", metavar="NAME", shell_complete=complete_backends, help="Backend to train with."
)
profile_option = click.option(
    "--profile", metavar="NAME", help="Named changes that the recipe brings: [profiles.NAME]."
)
model_option = click.option(
    "--model", metavar="ID", help="Model to use: an alias, a local folder, or a hub id."
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change one field, for example train.epochs=2; may be given often.",
)
seed_option = click.option("--seed", type=click.IntRange(min=0), help="Seed of the training.")
evaluator_option = click.option(
    "--evaluator",
    metavar="NAME",
    help="Who answers: `shared` (ft's generator, the default) or `native` (the engine's own).",
)
python_option = click.option(
    "--python",
    metavar="PATH",
    help="A Python that has the engine already, or `current`; nothing is built then.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")

require_option = click.option(
    "--require",
    metavar="GATE",
    multiple=True,
    help="Exit with 7 unless this holds, for example `entity_f1>=0.8`; METRIC:lower is the lower "
    "end of its interval, `main` the metric that decides; may be given often.",
)
no_worse_option = click.option(
    "--no-worse-than",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Exit with 7 where the metric that decides is significantly worse than that run's on the "
    "same test rows.",
)
margin_option = click.option(
    "--margin",
    type=click.FloatRange(min=0),
    help="With --no-worse-than: exit with 7 unless the interval of the difference shows that it "
    "is at most this much worse.",
)

recipe_argument = click.argument("recipe", type=click.Path(path_type=Path), metavar="RECIPE")
run_argument = click.argument("run", metavar="RUN", shell_complete=complete_runs)


def changes_options(function: F) -> F:
    """Add the options that change a recipe without editing it."""
    for option in (set_option, model_option, profile_option, backend_option):
        function = option(function)
    return function


def gate_options(function: F) -> F:
    """Add the options for figures that must hold."""
    for option in (margin_option, no_worse_option, require_option):
        function = option(function)
    return function


def changes(**given: Any) -> Changes:
    """Return what the options of `changes_options`, and a seed, ask for."""
    from ftcore.engine.opening import Changes

    return Changes(**{**given, "overrides": tuple(given.get("overrides", ()))})


def confirm(question: str, yes: bool) -> None:
    """Ask, unless told not to; where nobody can answer, that is a usage error."""
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is here to ask; add --yes")
    click.confirm(question, abort=True)
