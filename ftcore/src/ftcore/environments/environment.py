"""An environment on disk: its folder, its state file, and the lease of those who use it.

::

    <cache>/environments/trl-0123456789abcdef/        venv/  state.json  build.log
    <cache>/environments/trl-0123456789abcdef.lock    held by the one who builds or removes
    <cache>/environments/trl-0123456789abcdef.lease   held, shared, by everyone who uses it

``state.json`` is written last, by atomic rename: a folder with it is ready and never changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftcore.cache import cache_dir
from ftcore.errors import BuildError

STATE = "state.json"
STATE_FORMAT = 1


@dataclass(frozen=True)
class Environment:
    """A ready environment.

    ``python`` is its interpreter; ``packages`` name -> version as its health check saw them;
    ``torch_source`` as `TorchSource.label`; ``built`` whether this call built it and ``reason``
    why, or why not ("reused"). ``adopted`` environments are the user's own; ``warnings`` say how
    such a one differs from the lock.
    """

    python: Path
    key: str
    folder: Path
    packages: Mapping[str, str]
    torch_source: str
    built: bool
    reason: str
    accelerator: str = "cpu"
    python_version: str = ""
    adopted: bool = False
    warnings: tuple[str, ...] = field(default=())

    @contextmanager
    def lease(self) -> Iterator[int | None]:
        """Keep the environment from being removed; yield a file descriptor to hand to a worker.

        The descriptor is inheritable (``pass_fds``): the lease lasts until all who hold it have
        closed it, the death of the parent included. An adopted environment needs none: yields
        None. Raises BuildError when the environment was removed meanwhile.
        """
        if self.adopted:
            yield None
            return
        import fcntl

        path = lease_file(self.folder)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            os.utime(path)  # the last use, for garbage collection
            if read_state(self.folder) is None:
                raise BuildError(
                    f"The environment {self.folder} was removed meanwhile.",
                    hint="Run the same command again: it is built anew.",
                    code="environment.removed",
                )
            os.set_inheritable(descriptor, True)
            yield descriptor
        finally:
            os.close(descriptor)


def environment_folder(backend: str, key: str) -> Path:
    """Return where the environment with this key lies or will lie."""
    return cache_dir("environments") / f"{backend}-{key}"


def interpreter(folder: Path) -> Path:
    """Return the Python of an environment folder."""
    return folder / "venv" / "bin" / "python"


def lease_file(folder: Path) -> Path:
    """Return the lease file of an environment folder."""
    return folder.with_name(folder.name + ".lease")


def lock_file(folder: Path) -> Path:
    """Return the build lock of an environment folder."""
    return folder.with_name(folder.name + ".lock")


def read_state(folder: Path) -> dict[str, Any] | None:
    """Return the state of a ready environment; None when it is partial, broken, or gone."""
    try:
        state = json.loads((folder / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
        return None
    return state if interpreter(folder).exists() else None


def from_state(folder: Path, state: Mapping[str, Any], *, built: bool, reason: str) -> Environment:
    """Return the environment that a state describes."""
    parts = state["parts"]
    return Environment(
        python=interpreter(folder),
        key=state["key"],
        folder=folder,
        packages=state["packages"],
        torch_source=parts["torch_source"],
        built=built,
        reason=reason,
        accelerator=parts["accelerator"],
        python_version=state["python"],
    )
