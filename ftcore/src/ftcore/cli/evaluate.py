"""`ft eval`: answer the test rows again with a run's adapter, an adapter or a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftcore.cli import options

if TYPE_CHECKING:
    from ftcore.results import EvaluationResult


@click.command("eval")
@click.argument("target", metavar="TARGET", shell_complete=options.complete_runs)
@click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    help="The recipe whose test rows are answered.  [default: the run's own]",
)
@options.changes_options
@click.option("--limit", type=click.IntRange(min=1), help="Answer at most this many rows.")
@click.option("--fresh", is_flag=True, help="Answer all rows anew, known answers too.")
@options.evaluator_option
@options.python_option
@options.offline_option
@options.runs_option
@options.gate_options
@options.json_option
@options.quiet_option
def command(
    target: str,
    recipe: Path | None,
    backend: str | None,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    limit: int | None,
    fresh: bool,
    evaluator: str | None,
    python: str | None,
    offline: bool,
    runs: Path | None,
    require: tuple[str, ...],
    no_worse_than: str | None,
    margin: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Answer a recipe's test rows again and score them.

    TARGET is a run (its id, the beginning of it, `last`, or its folder), an adapter folder, a
    model folder such as a merged export, or a file of predictions made elsewhere: JSON lines with
    `prediction`, and `row_id` unless they are in the order of the test rows. A run's adapter goes
    onto the base model that it was trained on, an adapter onto the recipe's model. Nothing is
    trained. Answers that the run, or an evaluation that was interrupted, has already given to the
    same questions are not given again. Exit code 7 where a gate (--require, --no-worse-than) does
    not hold.
    """
    from ftcore.cli import output
    from ftcore.cli.gate_output import end, held_or_not
    from ftcore.face_evaluate import evaluate

    given: dict[str, Any] = {
        "backend": backend,
        "profile": profile,
        "model": model,
        "overrides": overrides,
        "limit": limit,
        "fresh": fresh,
        "evaluator": evaluator,
        "python": python,
        "offline": offline,
        "runs": runs,
        "require": require,
        "no_worse_than": no_worse_than,
        "margin": margin,
    }
    watcher = output.observer(as_json=as_json, quiet=quiet)
    result, error = held_or_not(lambda: evaluate(target, recipe, **given, progress=watcher))
    if as_json:
        output.show_json(result.to_json())
    else:
        show(result)
    end(error, as_json=as_json)


def show(result: EvaluationResult) -> None:
    """Print the metrics, the gates, and where the answers are."""
    from ftcore.cli import output
    from ftcore.report.gates import gates_grid

    output.show(result.grid())
    if result.reproduced is not None:
        equal, compared = result.reproduced
        output.show_lines([f"{equal} of {compared} answers equal those that the run had kept"])
    output.show_lines([f"answers: {result.folder / 'predictions' / 'rows.jsonl'}"])
    if result.gates:
        output.show(gates_grid(result.gates))
