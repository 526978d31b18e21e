"""Runs inside an environment: imports modules and writes what it found. Standard library only.

Called as ``python -I probe.py OUT.json module ...``; the result goes to a file because engines
print on stdout while they are imported.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any


def _import(name: str) -> str | None:
    """Import a module; return None, or the error as text."""
    try:
        importlib.import_module(name)
    except BaseException as error:  # an engine may exit or raise anything while imported
        return f"{type(error).__name__}: {error}"
    return None


def _devices() -> dict[str, bool]:
    """Return which accelerators torch sees, if torch was imported."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return {}
    return {
        "cuda": bool(torch.cuda.is_available()),
        "mps": bool(getattr(torch.backends, "mps", None) and torch.backends.mps.is_available()),
    }


def main(out: str, modules: list[str]) -> None:
    """Import ``modules`` and write versions, failures and devices to ``out``."""
    started = time.perf_counter()
    errors = {name: error for name in modules if (error := _import(name)) is not None}
    packages = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            packages[re.sub(r"[-_.]+", "-", name).lower()] = distribution.version
    result = {
        "python": platform.python_version(),
        "packages": packages,
        "errors": errors,
        "devices": _devices(),
        "seconds": round(time.perf_counter() - started, 2),
    }
    Path(out).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
