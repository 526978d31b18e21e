"""The cache folder, and the three manners in it: lock, write beside and rename, check the disk.

::

    <cache>/models/          converted models
    <cache>/environments/    one folder per built environment
    <cache>/code/            the worker's copies of ftcore and the plugins
    <cache>/streams/         tokenised data
    <cache>/predictions/     answers of untuned models
    <cache>/judgements/      replies of judging models
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ftcore.errors import DiskFull, MachineError

Notify = Callable[[str], None]

ROOMS = ("models", "environments", "code", "streams", "predictions", "judgements")


def cache_dir(room: str | None = None) -> Path:
    """Return the cache folder, or one of its ``ROOMS``, made if it is not there.

    ``$FT_CACHE`` names it; otherwise it is the platform's folder for user caches.
    Raises MachineError when the folder cannot be made or written.
    """
    chosen = os.environ.get("FT_CACHE")
    if chosen:
        root = Path(chosen).expanduser().absolute()
    else:
        from platformdirs import user_cache_path

        root = user_cache_path("ft", appauthor=False)
    folder = root / room if room else root
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"The cache folder {folder} cannot be made: {error.strerror or error}.",
            hint="Set FT_CACHE to a folder that you can write.",
            code="machine.cache",
        ) from error
    return folder


@contextmanager
def locked(
    path: Path, *, purpose: str, timeout: float = 3600.0, notify: Notify | None = None
) -> Iterator[None]:
    """Hold the exclusive lock file ``path``; others wait up to ``timeout`` seconds.

    ``purpose`` ("building the trl environment") is shown to those who wait, with the holder's
    process id and host. Raises MachineError when the wait is over.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(path))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if notify:
            notify(f"waiting for {_holder(path)}")
        try:
            lock.acquire(timeout=timeout)
        except Timeout as error:
            raise MachineError(
                f"Waited {timeout:.0f} s for {_holder(path)}.",
                hint=f"End that process, or wait for it; the lock file is {path}.",
                code="machine.lock",
            ) from error
    note = path.with_name(path.name + ".holder")
    try:
        _write_holder(note, purpose)
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _write_holder(note: Path, purpose: str) -> None:
    """Write who holds the lock; the lock works without the note too."""
    with suppress(OSError):
        write_json(
            note, {"pid": os.getpid(), "host": socket.gethostname(), "what": purpose}, sync=False
        )


def _holder(path: Path) -> str:
    """Return who holds the lock ``path``, as far as it is known."""
    try:
        holder = json.loads(path.with_name(path.name + ".holder").read_text("utf-8"))
        return f"{holder['what']} (process {holder['pid']} on {holder['host']})"
    except (OSError, ValueError, KeyError):
        return f"another process that holds {path}"


def write_json(path: Path, value: Any, *, sync: bool = True) -> None:
    """Write ``value`` as JSON by atomic rename, so that a reader sees all of it or nothing."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, ensure_ascii=False, allow_nan=False)
            file.write("\n")
            if sync:
                file.flush()
                os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a fresh folder beside ``target`` that becomes ``target`` when the block succeeds.

    A folder that is already there is replaced. When the block fails, nothing is left behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    partial.chmod(0o777 & ~_umask())
    try:
        yield partial
        if target.exists():
            old = target.with_name(f".{target.name}.old-{os.getpid()}-{time.time_ns()}")
            target.rename(old)
            partial.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _umask() -> int:
    """Return the process's umask (reading it needs setting it)."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def require_disk(path: Path, needed: int, what: str = "this") -> None:
    """Raise DiskFull unless ``needed`` bytes are free on the disk of ``path``."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise DiskFull(
            f"{what} needs {human_size(needed)} in {path}; {human_size(free)} are free.",
            hint="Free some space, or set FT_CACHE to a folder on a larger disk.",
            details={"needed": needed, "free": free, "path": str(path)},
        )


def human_size(count: int) -> str:
    """Return ``count`` bytes for a reader: ``538 MB`` (powers of 1000)."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit in ("bytes", "kB", "MB") else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def folder_size(folder: Path) -> int:
    """Return the bytes of the files under ``folder``, links not followed, each inode once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = os.lstat(os.path.join(root, name))  # noqa: PTH118 - tens of thousands
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    total += status.st_size
    return total


def refuse_windows() -> None:
    """Raise MachineError on Windows, where neither the locks nor the engines are supported."""
    if sys.platform == "win32":
        raise MachineError(
            "ft does not run on Windows itself.",
            hint="Install it inside WSL (Windows Subsystem for Linux).",
            code="machine.windows",
        )
