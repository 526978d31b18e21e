"""Copies the child's code to the cache by hash, so that an upgrade cannot break a live run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from ftcore.cache import atomic_folder, locked

CHILD_PARTS = (
    "__init__.py",
    "_version.py",
    "errors.py",
    "backends.py",
    "protocol.py",
    "wire.py",
    "rendering",
    "worker",
)


def code_folder(cache: Path, plugin_package: Path) -> Path:
    """Return ``<cache>/code/<hash>/`` holding ftcore's child side and the plugin's package.

    A folder that lost files, as temporary places do, is written again.
    """
    root = Path(__file__).parent
    files = {
        **{Path("ftcore") / path.relative_to(root): path for path in _files(root, CHILD_PARTS)},
        **{
            path.relative_to(plugin_package.parent): path for path in _files(plugin_package, (".",))
        },
    }
    contents = {str(name): path.read_bytes() for name, path in sorted(files.items())}
    target = cache / "code" / _digest(contents)
    with locked(target.with_name(target.name + ".lock"), purpose="copying the worker's code"):
        if not _is_complete(target, contents):
            with atomic_folder(target) as made:
                for name, content in contents.items():
                    copy = made / name
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(content)
    return target


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:20]


def _is_complete(folder: Path, contents: Mapping[str, bytes]) -> bool:
    try:
        return all(
            (folder / name).stat().st_size == len(content) for name, content in contents.items()
        )
    except OSError:
        return False


def _files(base: Path, parts: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []
    for part in parts:
        path = base / part
        found += [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return [path for path in found if "__pycache__" not in path.parts]
