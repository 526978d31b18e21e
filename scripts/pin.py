"""Writes the development environment's pins into pyproject.toml: ``python scripts/pin.py``.

The pins are constraints, not a lock file: a lock names the index that it was made with, and people
behind a mirror could not use it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = ROOT / "pyproject.toml"
BLOCK = re.compile(r"constraint-dependencies = \[[^\]]*\]")


def main() -> None:
    """Resolve without the old pins and write the new ones."""
    text = PYPROJECT.read_text(encoding="utf-8")
    PYPROJECT.write_text(BLOCK.sub("constraint-dependencies = []", text), encoding="utf-8")
    command = ["uv", "export", "--quiet", "--upgrade", "--no-hashes", "--no-emit-workspace"]
    command += ["--no-header", "--no-annotate", "--all-packages", "--all-groups"]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    pins = "".join(f'    "{line}",\n' for line in found.splitlines() if "==" in line)
    new = "constraint-dependencies = [\n" + pins + "]"
    PYPROJECT.write_text(BLOCK.sub(lambda _: new, text), encoding="utf-8")


if __name__ == "__main__":
    main()
