"""`ft eval`: answer the test rows again with a run's adapter, an adapter or a model."""

from __future__ import annotations

from pathlib import Path

import click

from ftcore.cli import options


@click.command("eval")
@click.argument("target", metavar="TARGET", shell_complete=options.complete_runs)
@click.option(
    "--recipe",
    required=True,
    type=click.Path(path_type=Path),
    help="The recipe whose test rows are answered.",
)
@options.changes_options
@click.option("--limit", type=click.IntRange(min=1), help="Answer at most this many rows.")
@options.evaluator_option
@options.python_option
@options.offline_option
@options.runs_option
@options.json_option
@options.quiet_option
def command(
    target: str,
    recipe: Path,
    backend: str | None,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    limit: int | None,
    evaluator: str | None,
    python: str | None,
    offline: bool,
    runs: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Answer a recipe's test rows again and score them.

    TARGET is a run (its id, the beginning of it, `last`, or its folder), an adapter folder, or a
    model folder such as a merged export. A run's adapter goes onto the base model that it was
    trained on, an adapter onto the recipe's model. Nothing is trained.
    """
    from ftcore import face
    from ftcore.cli import output

    result = face.evaluate(
        target,
        recipe,
        backend=backend,
        profile=profile,
        model=model,
        overrides=overrides,
        limit=limit,
        evaluator=evaluator,
        python=python,
        offline=offline,
        runs=runs,
        progress=output.observer(as_json=as_json, quiet=quiet),
    )
    if as_json:
        output.show_json(result.to_json())
        return
    output.show(result.grid())
    if result.reproduced is not None:
        equal, compared = result.reproduced
        output.show_lines([f"{equal} of {compared} answers equal those that the run had kept"])
    output.show_lines([f"answers: {result.folder / 'predictions' / 'rows.jsonl'}"])
