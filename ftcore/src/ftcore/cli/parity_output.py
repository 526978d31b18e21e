"""What `ft parity` and `ft parity verify` print, and the exit code that follows from it."""

from __future__ import annotations

import click

from ftcore.cli import output
from ftcore.display.parity import certificate_lines, levels_grid, sides_grid
from ftcore.engine.parity.verify import Verification
from ftcore.errors import GateFailed
from ftcore.results import ParityResult


def show_certificate(ctx: click.Context, result: ParityResult, *, as_json: bool) -> None:
    """Print a certificate; ends with exit code 7 when parity does not hold."""
    certificate = result.certificate
    if as_json:
        output.show_json({"certificate": str(result.path), **certificate.to_json()})
        ctx.exit(0 if certificate.holds else GateFailed.exit_code)
    output.show(sides_grid(certificate))
    output.show_lines([""])
    output.show(levels_grid(certificate))
    output.show_lines(["", *certificate_lines(certificate), "", f"certificate  {result.path}"])
    if not certificate.holds:
        raise GateFailed(
            f"parity does not hold: it breaks at {certificate.breaks_at}", code="gate.parity"
        )
    output.show_lines([f"again        ft parity verify {result.path}"])


def show_verification(ctx: click.Context, result: Verification, *, as_json: bool) -> None:
    """Print what became of a certificate; exit code 7 when it is not confirmed."""
    if as_json:
        output.show_json(
            {
                "confirmed": result.confirmed,
                "same_bits": result.same_bits,
                "problems": result.problems,
                "notes": result.notes,
                "again": result.again.to_json(),
            }
        )
        ctx.exit(0 if result.confirmed else GateFailed.exit_code)
    output.show(levels_grid(result.again))
    output.show_lines(["", *certificate_lines(result.again)])
    output.show_lines(f"changed since: {note}" for note in result.notes)
    bits = "the same bits as then" if result.same_bits else "other bits than then"
    if not result.confirmed:
        raise GateFailed(
            "the certificate is not confirmed: " + "; ".join(result.problems), code="gate.parity"
        )
    output.show_lines([f"confirmed; the final weights are {bits}"])
