"""The layout of a run directory, its manifest and its lock."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ftcore.errors import MachineError, RunLocked, RunNotFound
from ftcore.protocol import write_json

RunState = Literal["preparing", "running", "finished", "failed", "interrupted", "crashed"]
UNFINISHED: tuple[RunState, ...] = ("preparing", "running")
MANIFEST = "run.json"
LOCK = ".lock"
# Those who ask whether a run is held share its lock for an instant; an owner waits for them.
LOCK_SECONDS = 2.0
LOOKERS_SECONDS = 60.0
_LOOK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run is and how it stands; ``state`` is what the owner last wrote.

    ``resumed`` has an entry each time that the run went on: ``time``, ``from_step`` (optimizer
    steps that lay behind) and ``after``, the state that it was in.
    """

    id: str
    recipe: str
    profile: str | None
    backend: str
    model: str
    seed: int
    created: float
    state: RunState
    stage: str | None = None
    finished: float | None = None
    error: dict[str, Any] | None = None
    resumed: list[dict[str, Any]] = field(default_factory=list)


class RunFolder:
    """One run directory; paths of its files and its manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @classmethod
    def create(cls, root: Path, **manifest: Any) -> RunFolder:
        """Make a fresh directory ``NAME-BACKEND-DATE-TIME-xxxx`` below ``root``.

        Raises `MachineError` where it cannot be written.
        """
        stamp = time.strftime("%Y%m%d-%H%M%S")
        name = f"{manifest['recipe']}-{manifest['backend']}-{stamp}-{secrets.token_hex(2)}"
        folder = cls(root / name)
        first = Manifest(id=name, created=time.time(), state="preparing", **manifest)
        try:
            for part in ("stream", "predictions", "exports", "plots", "requests"):
                (folder.path / part).mkdir(parents=True)
            write_json(asdict(first), folder.path / MANIFEST)
        except OSError as error:
            raise MachineError(
                f"the run directory {folder.path} cannot be made: {error.strerror or error}",
                hint="choose another folder with --runs or FT_RUNS",
                code="machine.runs",
            ) from error
        return folder

    def file(self, name: str) -> Path:
        """Return the path of a file or folder of the run."""
        return self.path / name

    def read_json(self, name: str) -> Any:
        """Return the parsed JSON file ``name``, or None where it does not exist yet."""
        path = self.path / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def read_lines(self, name: str) -> list[dict[str, Any]]:
        """Return the whole lines of a JSON-lines file; a half-written last line is left out."""
        path = self.path / name
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines if line]

    def manifest(self) -> Manifest:
        """Return the manifest as it stands; an owner that died is seen as such.

        Raises `RunNotFound` when it is missing or damaged.
        """
        manifest = self._manifest()
        if manifest.state in UNFINISHED and not self.is_locked():
            return replace(manifest, state="crashed")
        return manifest

    def update(self, **changes: Any) -> Manifest:
        """Write changed fields of the manifest, atomically."""
        state = changes.get("state")
        if state is not None and state not in get_args(RunState):
            raise ValueError(f"unknown run state {state!r}")
        if state is not None and state not in UNFINISHED:
            changes.setdefault("finished", time.time())
        manifest = replace(self._manifest(), **changes)
        write_json(asdict(manifest), self.path / MANIFEST)
        return manifest

    def _manifest(self) -> Manifest:
        try:
            return Manifest(**self.read_json(MANIFEST))
        except (OSError, ValueError, TypeError) as error:
            raise RunNotFound(
                f"{self.path} has no {MANIFEST} that this ft can read: {error}",
                hint="was it written by another version of ft, or copied in part?",
                code="run.manifest",
            ) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; `RunLocked` when another one has it."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / LOCK, timeout=LOCK_SECONDS)
        give_up = time.monotonic() + LOOKERS_SECONDS
        while not lock.is_locked:
            try:
                lock.acquire(poll_interval=0.005)
            except Timeout as error:
                # Only an owner keeps another owner out; those who look are waited for.
                if self.is_locked() or time.monotonic() > give_up:
                    raise RunLocked(
                        f"run {self.path.name} is in use by another process",
                        hint="wait for it, or stop the other `ft` command",
                    ) from error
        try:
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Whether some process holds the run now; looks without writing anything."""
        import fcntl

        # One look at a time in a process: overlapping ones would leave an owner no gap.
        with _LOOK:
            try:
                descriptor = os.open(self.path / LOCK, os.O_RDONLY)
            except OSError:
                return False
            try:
                # Shared, so that processes that look do not see each other.
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
            finally:
                os.close(descriptor)
        return False
