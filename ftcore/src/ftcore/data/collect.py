"""Removes the streams of the cache that nobody has asked for in a long time."""

from __future__ import annotations

import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from ftcore.data.input_record import INPUTS, InputRecord

KEPT_DAYS = 30
_NAME = re.compile(r"[0-9a-f]{64}")


def collect(home: Path, *, now: float | None = None) -> list[str]:
    """Remove from ``home`` what was last used over `KEPT_DAYS` days ago; return the streams' names.

    A record of input counts as used whenever it is found again, a stream as long as a record names
    it. Runs keep their own: their files are links to the same bytes. ``now`` is in seconds since
    the epoch.
    """
    horizon = (time.time() if now is None else now) - KEPT_DAYS * 86_400
    named = set()
    for path in (home / INPUTS).glob("*.jsonl"):
        if _changed(path) < horizon:
            path.unlink(missing_ok=True)
        else:
            named.add(InputRecord(path).stream())
    folders = (path for path in home.iterdir() if _NAME.fullmatch(path.name))
    # A young one without a record is another process's that has yet to write it.
    old = [path for path in folders if path.name not in named and _changed(path) < horizon]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return [folder.name for folder in old]


def _changed(path: Path) -> float:
    """Return when a file was last written or touched; one that is gone needs no removal."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return float("inf")
