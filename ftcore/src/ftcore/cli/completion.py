"""`ft completion`: the script that a shell sources to complete ft."""

from __future__ import annotations

import click

INSTALL = """Print the script that completes ft in your shell.

\b
  bash   ft completion bash > ~/.local/share/bash-completion/completions/ft
  zsh    ft completion zsh > "${fpath[1]}/_ft"
  fish   ft completion fish > ~/.config/fish/completions/ft.fish
"""


@click.command("completion", help=INSTALL)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what click generates for the shell."""
    from click.shell_completion import get_completion_class

    from ftcore.cli.app import app

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(app, {}, "ft", "_FT_COMPLETE").source())
