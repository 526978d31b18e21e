"""`ft doctor`: is everything here that a run will need?"""

from __future__ import annotations

import click

from ftcore.cli import options


@click.command("doctor")
@options.json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check this machine and what is installed.

    Exit code 7 when a check fails.
    """
    from dataclasses import asdict

    from ftcore.cli import output
    from ftcore.display.facts import text_grid
    from ftcore.engine.doctor import STATES, run_checks
    from ftcore.errors import GateFailed
    from ftcore.plugins import load_plugins

    checks = run_checks(load_plugins())
    failed = [check for check in checks if check.state == "fail"]
    if as_json:
        output.show_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
        ctx.exit(GateFailed.exit_code if failed else 0)
    rows = ((STATES[check.state], check.name, check.detail) for check in checks)
    output.show(text_grid(("", "Check", "Finding"), rows))
    output.show_lines(f"{check.name}: {check.fix}" for check in checks if check.fix)
    if failed:
        raise GateFailed(
            f"{len(failed)} of {len(checks)} checks failed: "
            + ", ".join(dict.fromkeys(check.name for check in failed)),
            code="gate.doctor",
        )
