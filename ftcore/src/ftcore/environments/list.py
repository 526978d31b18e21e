"""The environments that exist: listed, removed, and the unused ones collected."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.cache import cache_dir, folder_size
from ftcore.environments.environment import (
    STATE,
    lease_file,
    lock_file,
    read_state,
)
from ftcore.environments.key import KeyParts
from ftcore.errors import MachineError

_DAY = 86_400.0  # seconds


@dataclass(frozen=True)
class EnvironmentInfo:
    """One environment folder.

    ``ready`` is False for a partial one; ``in_use`` while somebody builds, removes or leases it;
    ``last_used`` in seconds since the epoch (None: never leased); ``bytes`` on disk, files shared
    with uv's cache included.
    """

    backend: str
    key: str
    folder: Path
    ready: bool
    in_use: bool
    bytes: int
    built_at: float | None = None
    last_used: float | None = None
    parts: KeyParts | None = None

    @property
    def name(self) -> str:
        """The folder's name: ``trl-0123456789abcdef``."""
        return self.folder.name


def list_environments() -> list[EnvironmentInfo]:
    """Return every environment in the cache, the latest built first."""
    folders = [path for path in cache_dir("environments").iterdir() if path.is_dir()]
    found = [_info(path) for path in folders if "-" in path.name and path.name[0] != "."]
    return sorted(found, key=lambda info: (-(info.built_at or 0), info.name))


def _info(folder: Path) -> EnvironmentInfo:
    """Return what is known of one folder."""
    backend, _, key = folder.name.rpartition("-")
    state: dict[str, Any] = read_state(folder) or {}
    with _exclusive(folder) as free:
        in_use = not free
    return EnvironmentInfo(
        backend=backend,
        key=key,
        folder=folder,
        ready=bool(state),
        in_use=in_use,
        bytes=state.get("bytes") or folder_size(folder),
        built_at=state.get("built_at"),
        last_used=lease_file(folder).stat().st_mtime or None,
        parts=KeyParts.from_state(state) if state else None,
    )


def latest_parts(backend: str) -> KeyParts | None:
    """Return the key parts of the latest ready environment of a backend."""
    found: list[tuple[float, KeyParts]] = []
    for folder in cache_dir("environments").glob(f"{backend}-*"):
        state = read_state(folder) if folder.is_dir() else None
        parts = KeyParts.from_state(state) if state else None
        if state and parts and parts.backend == backend:
            found.append((state.get("built_at") or 0.0, parts))
    return max(found, key=lambda entry: entry[0])[1] if found else None


def remove_environment(info: EnvironmentInfo) -> int:
    """Remove an environment and return the bytes it had.

    Raises MachineError while a run uses it or somebody builds it.
    """
    with _exclusive(info.folder) as free:
        if not free:
            raise MachineError(
                f"The environment {info.name} is in use.",
                hint="Wait for the run that uses it, or stop it.",
                code="environment.in-use",
            )
        # First the state, so that a removal cut short leaves a partial folder, not a broken one.
        # Lock and lease stay: another process may be waiting for them at this moment.
        (info.folder / STATE).unlink(missing_ok=True)
        shutil.rmtree(info.folder, ignore_errors=True)
    return info.bytes


def collect_garbage(
    *, unused_days: float = 30.0, keep: frozenset[str] = frozenset()
) -> list[EnvironmentInfo]:
    """Remove partial environments and those that no run used for ``unused_days``; return them.

    ``keep`` are keys to spare. What is in use is left alone.
    """
    removed = []
    for info in list_environments():
        idle = time.time() - max(info.last_used or 0.0, info.built_at or 0.0)
        if info.in_use or info.key in keep or (info.ready and idle < unused_days * _DAY):
            continue
        with suppress(MachineError):
            remove_environment(info)
            removed.append(info)
    return removed


@contextmanager
def _exclusive(folder: Path) -> Iterator[bool]:
    """Hold build lock and lease alone; yield whether that was possible at once."""
    import fcntl

    from filelock import FileLock, Timeout

    lock = FileLock(str(lock_file(folder)))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    lease = lease_file(folder)
    if not lease.exists():
        lease.touch()
        os.utime(lease, (0, 0))  # its time is the last use
    descriptor = os.open(lease, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
        lock.release()
