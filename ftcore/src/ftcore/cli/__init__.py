"""The command line `ft`: one file a command, each imported only when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ft and return its exit code; `ftcore.errors` says what each one means."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:  # answered before anything is imported
        from ftcore._version import __version__

        sys.stdout.write(f"ft {__version__}\n")
        return 0
    try:
        from ftcore.cli.errors import run_guarded

        return run_guarded(given)
    except KeyboardInterrupt:  # while even the handler was being imported
        return 130
