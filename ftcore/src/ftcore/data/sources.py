"""From what a recipe says under ``data.train`` to a sorted list of files."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftcore.errors import DataError

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
COMPRESSIONS = (".gz", ".zst")
ADDRESSES = ("hf://", "ms://")

SourceSpec = str | tuple[str, float]


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of rows: ``name`` as messages show it, where it is, and its weight."""

    name: str
    path: Path
    weight: float = 1.0


def find_files(sources: str | Sequence[SourceSpec], *, base: Path) -> list[DataFile]:
    """Return the files that ``sources`` name, in the order given, folders and globs sorted.

    Relative paths resolve against ``base``. A file that two sources name is read once per source.
    Raises `DataError` for a source that does not exist or holds no file that can be read.
    """
    specs = [sources] if isinstance(sources, str) else list(sources)
    if not specs:
        raise DataError("no data source is given", code="data.missing")
    found: list[DataFile] = []
    for spec in specs:
        name, weight = (spec, 1.0) if isinstance(spec, str) else spec
        found.extend(
            DataFile(shown, path, weight) for shown, path in _files_of_source(name, base=base)
        )
    return found


def file_kind(path: Path) -> str | None:
    """Return the suffix that says how to read ``path`` (``.jsonl``, ...), or None."""
    name = path.name.lower()
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return ".jsonl" if suffix == ".ndjson" else suffix
    return None


def _files_of_source(name: str, *, base: Path) -> list[tuple[str, Path]]:
    if name.startswith(ADDRESSES):
        return _remote(name)
    path = base / Path(name).expanduser()
    if path.is_dir():
        return _folder(name, path)
    if path.exists():
        return [(name, _readable(path, name))]
    if any(char in name for char in "*?["):
        return _glob(name, base)
    raise _missing(name, path)


def _remote(address: str) -> list[tuple[str, Path]]:
    """Return what is behind an address; messages show the address, not the cache."""
    from ftcore.data.remote import fetch

    path = fetch(address)
    if path.is_dir():
        return _folder(address, path)
    return [(address, _readable(path, address))]


def _folder(name: str, path: Path) -> list[tuple[str, Path]]:
    inside = sorted(
        item
        for item in path.rglob("*")
        if item.is_file() and file_kind(item) and not _hidden(item.relative_to(path))
    )
    if not inside:
        raise DataError(
            f"the folder {name} holds no file that can be read",
            hint=f"known: {_known()}",
            code="data.folder-empty",
        )
    return [(f"{name.rstrip('/')}/{item.relative_to(path)}", item) for item in inside]


def _glob(name: str, base: Path) -> list[tuple[str, Path]]:
    import glob

    pattern = str(base / Path(name).expanduser())
    # Path.glob knows no absolute pattern.
    hits = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    files = [Path(hit) for hit in hits if Path(hit).is_file()]
    if not files:
        raise DataError(
            f"no file matches {name}",
            hint=f"looked in {base}",
            code="data.missing",
        )
    shown = [
        str(item.relative_to(base)) if item.is_relative_to(base) else str(item) for item in files
    ]
    return [(label, _readable(item, label)) for label, item in zip(shown, files, strict=True)]


def _readable(path: Path, name: str) -> Path:
    if file_kind(path) is None:
        raise DataError(
            f"{name} is of no kind that can be read",
            hint=f"known: {_known()}",
            code="data.file-kind",
        )
    return path


def _missing(name: str, path: Path) -> DataError:
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    near: list[str] = []
    if folder == path.parent:
        names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
        hint = (
            f"did you mean {Path(name).parent / near[0]}?"
            if near
            else f"{folder} holds {', '.join(sorted(names)[:8]) or 'nothing'}"
        )
    else:
        hint = f"the folder {path.parent} does not exist; the nearest that does is {folder}"
    return DataError(f"the data file {name} does not exist", hint=hint, code="data.missing")


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _known() -> str:
    return f"{', '.join(SUFFIXES)}, each also with {' or '.join(COMPRESSIONS)}"
