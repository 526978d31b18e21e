"""Which Python an environment is made of."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from ftcore.errors import BuildError

_MINORS = range(20, 7, -1)


@dataclass(frozen=True, slots=True)
class PythonChoice:
    """What ``uv venv --python`` is given (a path, or X.Y for uv to find), and its X.Y."""

    request: str
    version: str


def choose_python(requires: str, python: str | None = None) -> PythonChoice:
    """Return the Python to build with.

    ``python`` (a path) if given; else the one that runs ft, if ``requires`` (``">=3.11,<3.14"``)
    allows it; else the newest allowed one on PATH; else the newest allowed X.Y, which uv looks for
    among its own and may download. Raises BuildError for a ``python`` that does not run or fit.
    """
    allowed = SpecifierSet(requires)
    if python is not None:
        # uv runs in another folder; a venv's link must not be resolved, it would leave the venv.
        python = os.path.abspath(Path(python).expanduser())  # noqa: PTH100
        version = python_version(Path(python))
        if not allowed.contains(version):
            raise BuildError(
                f"{python} is Python {version}; the environment needs {requires}.",
                hint="Name another one, or leave it out.",
                code="environment.no-python",
            )
        return PythonChoice(python, _short(version))
    if allowed.contains(platform.python_version()):
        return PythonChoice(sys.executable, _short(platform.python_version()))
    minors = [minor for minor in _MINORS if allowed.contains(f"3.{minor}.0")]
    for minor in minors:
        found = shutil.which(f"python3.{minor}")
        if found and _runs(found, allowed):
            return PythonChoice(found, f"3.{minor}")
    if not minors:
        raise BuildError(
            f"No Python satisfies {requires}.",
            hint="This is a fault of the plugin: report it to its authors.",
            code="environment.no-python",
        )
    return PythonChoice(f"3.{minors[0]}", f"3.{minors[0]}")


def python_version(python: Path) -> str:
    """Return the full version of an interpreter. Raises BuildError when it does not run."""
    try:
        return subprocess.run(
            [str(python), "-I", "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(
            f"{python} does not run as a Python interpreter.",
            hint="Give the path of a python program, such as /opt/venv/bin/python.",
            code="environment.no-python",
        ) from error


def _runs(python: str, allowed: SpecifierSet) -> bool:
    """Whether a program on PATH is a Python that fits (version managers leave dead stand-ins)."""
    try:
        return allowed.contains(python_version(Path(python)))
    except BuildError:
        return False


def _short(version: str) -> str:
    return ".".join(version.split(".")[:2])
