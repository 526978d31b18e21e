"""`ft backends install`: build a backend's environment before the first run needs it."""

from __future__ import annotations

import click

from ftcore.cli import options


@click.command("install")
@click.argument("name", shell_complete=options.complete_backends)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    help="What it is to run on.",
)
@click.option("--python", metavar="PATH", help="The Python to build it with.")
@options.offline_option
@options.json_option
@options.quiet_option
def command(
    name: str, device: str, python: str | None, offline: bool, as_json: bool, quiet: bool
) -> None:
    """Build a backend's environment now.

    Packages come from where pip and uv are told to look on this machine. What is ready is reused.
    """
    from ftcore.cli import output
    from ftcore.environments.build import ensure
    from ftcore.plugins import load_plugins

    spec = load_plugins().backend(name)
    made = ensure(
        spec.environment,
        device=device,
        python=python,
        offline=offline,
        notify=output.notify(quiet=quiet),
    )
    if as_json:
        data = {"backend": name, "key": made.key, "folder": str(made.folder)}
        output.show_json({**data, "built": made.built, "reason": made.reason})
    else:
        state = "built" if made.built else "ready already"
        output.show_lines([f"{name}: {state}, {made.folder}"])
