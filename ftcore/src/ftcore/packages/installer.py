"""Running uv: the one seam between ft and the package installer."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ftcore.cache import Notify
from ftcore.errors import BuildError
from ftcore.packages.settings import redact

_WORTH_SAYING = re.compile(r"^\s*(Downloading|Prepared|Installed|Using (?:CPython|PyPy))\b.*")
_PROMPT = "$ uv "


class Installer(Protocol):
    """Runs one uv command."""

    def run(self, args: Sequence[str], env: Mapping[str, str], log: Path) -> int:
        """Run uv with ``args`` and only ``env``, append its output to ``log``, return its status.

        The command runs in the folder of ``log``, so that no project file of the user's current
        folder takes part.
        """
        ...


class UvInstaller:
    """The uv binary that came with the ``uv`` package.

    ``notify`` gets the lines of uv's output that a waiting person wants to see.
    """

    def __init__(self, notify: Notify | None = None) -> None:
        self._notify = notify
        self._binary: str | None = None

    def run(self, args: Sequence[str], env: Mapping[str, str], log: Path) -> int:
        """Run uv; its output goes to ``log`` with secrets removed. Raises BuildError without uv."""
        binary = self._binary or find_uv()
        self._binary = binary
        with log.open("a", encoding="utf-8") as file:
            file.write(redact(_PROMPT + " ".join(args)) + "\n")
            file.flush()
            with subprocess.Popen(
                [binary, "--color", "never", "--no-progress", *args],
                env=dict(env),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            ) as process:
                try:
                    for line in process.stdout or ():
                        file.write(redact(line))
                        if self._notify and _WORTH_SAYING.match(line):
                            self._notify(redact(line.strip()))
                    return process.wait()
                except BaseException:
                    process.terminate()
                    raise


def find_uv() -> str:
    """Return the path of the uv binary from the ``uv`` package, else from PATH.

    Raises BuildError when there is none.
    """
    try:
        import uv

        return os.fspath(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        import shutil

        found = shutil.which("uv")
        if found:
            return found
    raise BuildError(
        "The uv program, which builds the environments, is not installed.",
        hint="Install it beside ft: pip install uv",
        code="environment.no-uv",
    )


def log_tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of the last command's output (no more than 4,000 characters)."""
    try:
        text = log.read_text("utf-8", errors="replace")
    except OSError:
        return ""
    output = text.rpartition(_PROMPT)[2].partition("\n")[2] if _PROMPT in text else text
    kept = [line for line in output.splitlines() if line.strip()]
    return "\n".join(kept[-lines:])[-4000:]


_OFFLINE = (
    "environment.offline",
    "You are offline and it is not in uv's cache: run once with a network.",
)
_UNKNOWN = ("environment.build", "Read the log; your index settings are: pip config list.")
_CAUSES = (
    # (what uv's output contains, error code, one thing to try); the first that fits wins
    (
        ("hash mismatch",),
        "environment.hash",
        "The index serves another file than the pinned one: try the package index itself.",
    ),
    (("no space left", "os error 28"), "environment.disk", "The disk is full: free some space."),
    (
        ("no interpreter found", "no python interpreter", "python-build-standalone"),
        "environment.no-python",
        "Install a Python of that version, or name one: --python PATH.",
    ),
    (("network connectivity is disabled", "when the network is disabled"), *_OFFLINE),
    (
        ("certificate", "invalid peer", "unknownissuer"),
        "environment.network",
        "Name your certificate file: PIP_CERT or SSL_CERT_FILE.",
    ),
    (
        ("401 unauthorized", "403 forbidden", "missing credentials"),
        "environment.network",
        "The package index refuses access: check its user name and token.",
    ),
    (
        ("dns error", "failed to connect", "timed out", "error sending request", "failed to fetch"),
        "environment.network",
        "Check the network, or name a mirror that you can reach: PIP_INDEX_URL.",
    ),
    (
        ("no solution found", "not found in the package registry", "has no wheels"),
        "environment.not-found",
        "Your package index lacks it: add one that has it (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS).",
    ),
)


def judge_failure(output: str, offline: bool) -> tuple[str, str]:
    """Return the error code and one thing to try, judged by uv's output."""
    text = " ".join(output.lower().split())
    fitting = (cause[1:] for cause in _CAUSES if any(sign in text for sign in cause[0]))
    code, hint = next(fitting, _UNKNOWN)
    if offline and code in ("environment.build", "environment.not-found"):
        return _OFFLINE
    return code, hint
