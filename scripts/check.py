"""Everything that must hold before a change lands: style, types, import contracts, all tests.

``--fast`` leaves the heavy suite out; ``--exhaustive`` runs every case of it, for hours.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ["ftcore", "plugins", "tests", "benchmarks", "recipes", "scripts"]

PLUGINS = ("llamafactory", "swift", "trl")

LIGHT = {
    "ruff": ["ruff", "check", *CODE],
    "format": ["ruff", "format", "--check", *CODE],
    "types": ["mypy", "ftcore/src", "benchmarks", *(f"plugins/ft-{name}/src" for name in PLUGINS)],
    "imports": ["lint-imports", "--no-cache"],
    "tests": ["pytest", "-q"],
}
HEAVY = {"heavy tests": ["pytest", "-q", "-m", "heavy and not exhaustive"]}
EXHAUSTIVE = {"exhaustive tests": ["pytest", "-q", "-m", "heavy"]}


def main() -> int:
    """Run every step, print each one's time, stop at the first failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="leave the heavy suite out")
    parser.add_argument("--exhaustive", action="store_true", help="every case of every test")
    given = parser.parse_args()
    steps = LIGHT if given.fast else LIGHT | (EXHAUSTIVE if given.exhaustive else HEAVY)
    for name, command in steps.items():
        begin = time.monotonic()
        print(f"== {name}: {' '.join(command)}", flush=True)
        program = Path(sys.executable).parent / command[0]
        code = subprocess.run([program, *command[1:]], cwd=ROOT, check=False).returncode
        verdict = "ok" if code == 0 else f"failed ({code})"
        print(f"== {name}: {verdict}, {time.monotonic() - begin:.0f} s", flush=True)
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
