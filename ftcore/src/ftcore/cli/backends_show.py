"""`ft backends show`: what a backend can do, field by field, from its own declarations."""

from __future__ import annotations

import click

from ftcore.cli import options


@click.command("show")
@click.argument("name", shell_complete=options.complete_backends)
@options.json_option
def command(name: str, as_json: bool) -> None:
    """Show what a backend can do, field by field.

    exact: as the recipe means it. approximate: it differs, and the recipe must accept that.
    unsupported: refused before anything is computed. not yet: ft itself cannot do it so far.
    """
    from dataclasses import asdict

    from ftcore.cli import output
    from ftcore.display.capability_table import capability_lines, capability_table
    from ftcore.engine.engine_options import open_arguments
    from ftcore.plugins import load_plugins

    spec = load_plugins().backend(name)
    options = open_arguments(spec)
    if as_json:
        environment = {**asdict(spec.environment), "lock": str(spec.environment.lock)}
        data: dict[str, object] = {
            "name": spec.name,
            "summary": spec.summary,
            "version": spec.version,
        }
        fields = [asdict(line) for line in capability_lines(spec)]
        data |= {"environment": environment, "capabilities": fields, "engine_options": options}
        output.show_json(data)
        return
    output.show_lines([f"{spec.name} {spec.version}: {spec.summary}", ""])
    output.show(capability_table(spec))
    if options:
        words = f"{len(options)} arguments of its engine that no field decides: see --json"
        output.show_lines(["", f"[backend.{spec.name}] takes {words}"])
