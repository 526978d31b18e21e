"""Copies the child's code to the cache by hash, so that an upgrade cannot break a live run."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from ftcore.cache import atomic_folder

CHILD_PARTS = (
    "__init__.py",
    "_version.py",
    "errors.py",
    "backends.py",
    "protocol.py",
    "rendering",
    "worker",
)


def code_folder(cache: Path, plugin_package: Path) -> Path:
    """Return ``<cache>/code/<hash>/`` holding ftcore's child side and the plugin's package."""
    root = Path(__file__).parent
    files = [*_files(root, CHILD_PARTS), *_files(plugin_package.parent, (plugin_package.name,))]
    digest = hashlib.sha256()
    for base, path in files:
        digest.update(str(path.relative_to(base)).encode())
        digest.update(path.read_bytes())
    target = cache / "code" / digest.hexdigest()[:20]
    if not target.exists():
        with atomic_folder(target) as made:
            for base, path in files:
                name = "ftcore" if base == root else ""
                copy = made / name / path.relative_to(base)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
    return target


def _files(base: Path, parts: tuple[str, ...]) -> list[tuple[Path, Path]]:
    found: list[tuple[Path, Path]] = []
    for part in parts:
        path = base / part
        paths = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [(base, p) for p in paths if p.is_file() and "__pycache__" not in p.parts]
    return found
