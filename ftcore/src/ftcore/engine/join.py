"""Takes part in a run that another machine has started and that waits for this one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ftcore.cache import cache_dir
from ftcore.code_folder import code_folder
from ftcore.engine.nodes import POLL_SECONDS
from ftcore.engine.observer import Observer
from ftcore.engine.place import place
from ftcore.engine.prepare import backend_for
from ftcore.engine.same import environment_changes
from ftcore.errors import ClusterError, ProtocolViolation, RunNotFound
from ftcore.launcher import Launcher, run_part, sigterm_as_stop
from ftcore.plugins import Plugins
from ftcore.protocol import MEETING, NODES, Job, Meeting, read_message, write_json
from ftcore.recipe.resolved import load_resolved
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import list_runs


def waiting_run(root: Path, seconds: float) -> RunFolder:
    """Return the newest run below ``root`` that waits for machines; wait ``seconds`` for one."""
    deadline = time.monotonic() + seconds
    while True:
        for run in list_runs(root):
            if (meeting := _meeting(run)) and not meeting.begun:
                return run
        if time.monotonic() >= deadline:
            raise RunNotFound(
                f"no run in {root} waits for a machine",
                hint="start one with launch.nodes above 1, and name its folder of runs with --runs",
                code="join.nothing",
            )
        time.sleep(POLL_SECONDS)


def join(
    run: RunFolder,
    plugins: Plugins,
    *,
    observer: Observer,
    python: str | None = None,
    offline: bool = False,
) -> int:
    """Train as one of the machines of ``run`` to its end; returns which one, the first being 0.

    Raises `ClusterError` for a run that waits for none, or whose environment or code this machine
    does not have, and `WorkerCrashed` where this machine's part fails.
    """
    run = RunFolder(run.path.absolute())
    _require_waiting(run)
    loaded = load_resolved(run.file("resolved.toml"), run.file("recipe.toml").read_text("utf-8"))
    spec = backend_for(loaded.recipe, plugins, run.manifest().backend)
    kept, job = run.read_json("environment.json"), read_message(Job, run.file("job.json"))
    if job.folder != str(run.path):
        raise ClusterError(
            f"the run calls its directory {job.folder}, here it is {run.path}",
            hint="all machines must see it at the same path",
            code="cluster.path",
        )
    with sigterm_as_stop():
        observer.phase("environment")
        environment = place(spec, job.device, python=python, offline=offline, observer=observer)
        changes = environment_changes(kept, spec, environment)
        if changes:
            raise ClusterError(
                "this machine would train in another environment than the run's first one",
                problems=changes,
                hint="install the same ft and plugins on all machines",
                code="cluster.different",
            )
        # Held from here on: it may take long until the others have come.
        with environment.lease() as lease, claimed(run) as node:
            observer.notice(
                f"joined {run.path.name} as machine {node + 1}; waiting for it to train"
            )
            await_begin(run)
            launcher = Launcher(
                environment.python,
                code_folder(cache_dir(), spec.package),
                cache_dir() / "home" / spec.name,
            )
            # Only now is it the job of the training.
            job = read_message(Job, run.file("job.json"))
            observer.notice(f"training with {job.world_size} processes on {job.nodes} machines")
            fds = () if lease is None else (lease,)
            run_part(launcher, job, node, observer.notice, lease_fds=fds)
    return node


@contextmanager
def claimed(run: RunFolder) -> Iterator[int]:
    """Hold a machine's number while the block runs."""
    node = claim(run)
    try:
        yield node
    finally:
        run.file(f"{NODES}/{node}.json").unlink(missing_ok=True)


def claim(run: RunFolder) -> int:
    """Take the lowest number that is free, from 1; `ClusterError` where all are taken."""
    meeting = _require_waiting(run)
    for number in range(1, meeting.nodes):
        path = run.file(f"{NODES}/{number}.json")
        with suppress(FileExistsError):
            # Only one of two that come at once can make the file.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            write_json({"host": socket.gethostname(), "pid": os.getpid()}, path)
            return number
    raise ClusterError(
        f"all {meeting.nodes} machines of {run.path.name} have come already",
        hint="launch.nodes says how many it takes",
        code="cluster.full",
    )


def await_begin(run: RunFolder) -> None:
    """Return when all machines have come; `ClusterError` where the run ended before that."""
    while True:
        meeting = _meeting(run)
        if meeting is None:
            raise ClusterError(
                f"{run.path.name} ended before it began to train",
                hint="the command that started it says why",
                code="cluster.ended",
            )
        if meeting.begun:
            return
        time.sleep(POLL_SECONDS)


def _require_waiting(run: RunFolder) -> Meeting:
    meeting = _meeting(run)
    if meeting is None or meeting.begun:
        raise ClusterError(
            f"{run.path.name} waits for no machine",
            hint="a run waits if its recipe has launch.nodes above 1, until all have joined",
            code="cluster.not-waiting",
        )
    return meeting


def _meeting(run: RunFolder) -> Meeting | None:
    with suppress(ProtocolViolation):
        return read_message(Meeting, run.file(MEETING))
    return None
