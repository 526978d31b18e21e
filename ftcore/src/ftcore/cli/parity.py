"""`ft parity RECIPE`: train the first steps on each backend and certify that they are the same."""

from __future__ import annotations

from pathlib import Path

import click

from ftcore.cli import options


@click.command("check")
@options.recipe_argument
@click.option(
    "--backends",
    metavar="A,B,...",
    default="trl,swift,llamafactory",
    show_default=True,
    help="Backends to hold against each other.",
)
@click.option("--reference", is_flag=True, help="Also train the plain loop, without any engine.")
@click.option("--steps", type=click.IntRange(min=1), default=6, show_default=True)
@click.option(
    "--mode",
    type=click.Choice(["strict", "normal"]),
    default="strict",
    show_default=True,
    help="strict: pin what moves bits; normal: the recipe as it is, within what two seeds differ.",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    help="Longest row in tokens, in strict mode.  [default: 128, more where too few are so short]",
)
@click.option(
    "--with-run",
    "full_runs",
    metavar="RUN",
    multiple=True,
    help="A finished run of the whole recipe, for the task metrics (L4); give two or more.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the certificate is written.  [default: NAME.parity.json below the runs]",
)
@click.option("--fresh", is_flag=True, help="Train anew what is stored already.")
@options.profile_option
@options.model_option
@options.set_option
@options.python_option
@options.offline_option
@options.runs_option
@options.json_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    recipe: Path,
    backends: str,
    reference: bool,
    steps: int,
    mode: str,
    max_length: int | None,
    full_runs: tuple[str, ...],
    out: Path | None,
    fresh: bool,
    profile: str | None,
    model: str | None,
    overrides: tuple[str, ...],
    python: str | None,
    offline: bool,
    runs: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a recipe's first steps on each backend and compare.

    Writes a certificate: whether rows, tokens and labels, the start, every step and the final
    weights are the same, the first level that breaks, and why. Trainings that are stored already
    are reused, so that an interrupted check goes on where it was. Exit code 7 when parity does not
    hold.
    """
    from ftcore import face_parity
    from ftcore.cli import output
    from ftcore.cli.parity_output import show_certificate

    result = face_parity.parity(
        recipe,
        backends=[name.strip() for name in backends.split(",") if name.strip()],
        reference=reference,
        steps=steps,
        mode="strict" if mode == "strict" else "normal",
        max_length=max_length,
        full_runs=full_runs,
        out=out,
        fresh=fresh,
        profile=profile,
        model=model,
        overrides=overrides,
        python=python,
        offline=offline,
        runs=runs,
        progress=output.observer(as_json=as_json, quiet=quiet),
    )
    show_certificate(ctx, result, as_json=as_json)
