"""The health check: does an interpreter import the engine, and with which versions?"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftcore.errors import BuildError

_TIMEOUT = 900.0  # seconds; a first import writes thousands of byte-code files
_DROPPED = ("PYTHON", "VIRTUAL_ENV", "CONDA", "LD_PRELOAD")
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Health:
    """What the probe found: full Python version, packages, and the imports that failed, by module.

    ``devices`` says whether torch sees ``cuda`` and ``mps`` (empty without torch); ``seconds`` is
    the time of the imports.
    """

    python: str
    packages: Mapping[str, str]
    errors: Mapping[str, str]
    devices: Mapping[str, bool]
    seconds: float


def check_health(python: Path, modules: Sequence[str]) -> Health:
    """Import ``modules`` in a fresh process of ``python`` with a cleaned environment.

    Raises BuildError when the process does not answer (it died, or took 15 minutes); an import
    that fails is an entry of ``errors``.
    """
    probe = Path(__file__).with_name("probe.py")
    with tempfile.TemporaryDirectory(prefix="ft-health-") as folder:
        out = Path(folder) / "out.json"
        try:
            done = subprocess.run(
                [str(python), "-I", str(probe), str(out), *modules],
                env=clean_environment(os.environ) | _QUIET | {"HOME": folder},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _silent(python, str(error)) from error
        if not out.is_file():
            raise _silent(python, f"status {done.returncode}\n{done.stdout[-2000:]}".rstrip())
        return Health(**json.loads(out.read_text("utf-8")))


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` without what would pull another Python's packages in."""
    return {name: value for name, value in environment.items() if not name.startswith(_DROPPED)}


def _silent(python: Path, why: str) -> BuildError:
    return BuildError(
        f"The health check of {python} did not answer: {why}",
        hint="Does this Python run at all? Try it by hand.",
        code="environment.health",
    )


def import_failure(health: Health) -> str:
    """Return the failed imports as text, a module a line."""
    return "\n".join(f"  import {name}: {error}" for name, error in health.errors.items())
