"""`ft parity verify CERT`: train a certificate anew and confirm it."""

from __future__ import annotations

from pathlib import Path

import click

from ftcore.cli import options


@click.command("verify")
@click.argument("certificate", type=click.Path(path_type=Path), metavar="CERT")
@options.python_option
@options.offline_option
@options.runs_option
@options.json_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    certificate: Path,
    python: str | None,
    offline: bool,
    runs: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a certificate anew and confirm it.

    The certificate names recipe, backends, steps and rows; nothing stored is reused. It is
    confirmed where recipe, model and rows are what they were and no level comes out worse. Exit
    code 7 when it is not, or when parity does not hold.
    """
    from ftcore import face_parity
    from ftcore.cli import output
    from ftcore.cli.parity_output import show_verification

    result = face_parity.verify_parity(
        certificate,
        python=python,
        offline=offline,
        runs=runs,
        progress=output.observer(as_json=as_json, quiet=quiet),
    )
    show_verification(ctx, result, as_json=as_json)
