"""Finds runs by name, lists them, removes them."""

from __future__ import annotations

import difflib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from ftcore.errors import RunLocked, RunNotFound
from ftcore.runs.folder import MANIFEST, RunFolder


def runs_root(folder: str | Path | None = None) -> Path:
    """Return where runs are kept: the argument, else ``$FT_RUNS``, else ``runs`` here."""
    return Path(folder or os.environ.get("FT_RUNS") or "runs")


def list_runs(root: Path) -> list[RunFolder]:
    """Return the runs below ``root``, newest first; one without a readable manifest is left out."""
    found: list[tuple[float, str, RunFolder]] = []
    for path in root.glob(f"*/{MANIFEST}"):
        run = RunFolder(path.parent)
        with suppress(RunNotFound):
            found.append((run.manifest().created, run.path.name, run))
    return [run for _, _, run in sorted(found, key=lambda item: item[:2], reverse=True)]


def find_run(name: str, root: Path) -> RunFolder:
    """Return a run by folder, by id, by the unique beginning of an id, or by ``last``.

    Raises `RunNotFound` that names the nearest ids.
    """
    if name and (Path(name) / MANIFEST).exists():
        return RunFolder(Path(name))
    runs = list_runs(root)
    if name == "last" and runs:
        return runs[0]
    matches = [run for run in runs if name and run.path.name.startswith(name)]
    exact = [run for run in matches if run.path.name == name]
    if len(exact or matches) == 1:
        return (exact or matches)[0]
    names = [run.path.name for run in runs]
    if matches:
        hint = "it may be one of: " + ", ".join(run.path.name for run in matches[:5])
        raise RunNotFound(f"{name!r} names {len(matches)} runs in {root}", hint=hint)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.3) or names[:3]
    hint = f"there are: {', '.join(near)}" if near else f"there are no runs in {root} yet"
    raise RunNotFound(f"no run {name!r} in {root}", hint=hint)


def remove_run(run: RunFolder) -> int:
    """Delete a run directory and return how many bytes it held; `RunLocked` when it is in use."""
    if run.is_locked():
        raise RunLocked(f"run {run.path.name} is in use", hint="stop it first")
    size = sum(path.lstat().st_size for path in run.path.rglob("*") if path.is_file())
    shutil.rmtree(run.path)
    return size
