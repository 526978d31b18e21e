"""Several machines that train together: the first one, whose `ft run` it is, waits for the others.

All see the run directory at one path. ``nodes/meeting.json`` says where they meet;
``nodes/NUMBER.json`` is the claim of a machine that has come.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ftcore.errors import ClusterError, UnsupportedError
from ftcore.protocol import (
    MEETING,
    NODES,
    PROTOCOL_VERSION,
    Job,
    Meeting,
    read_message,
    write_message,
)
from ftcore.recipe.schema import Recipe
from ftcore.report.numbers import duration

ADDRESS = "FT_ADDRESS"
POLL_SECONDS = 0.2
TELL_SECONDS = 30.0
WAIT_SECONDS = 1800.0


@contextmanager
def meeting_place(job: Job, notify: Callable[[str], None]) -> Iterator[None]:
    """Let the other machines of ``job`` come while the block runs; nothing for one machine."""
    if job.nodes == 1:
        yield
        return
    folder = Path(job.folder)
    place = folder / NODES
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    address = os.environ.get(ADDRESS) or own_address()
    meeting = Meeting(PROTOCOL_VERSION, job.nodes, address, free_port(address))
    write_message(meeting, folder / MEETING)
    others = job.nodes - 1
    machines = f"{others} more machine{'s' if others > 1 else ''}"
    notify(f"{machines} must join: run `ft join {job.folder}` there")
    try:
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)


def await_others(job: Job, notify: Callable[[str], None]) -> None:
    """Return when every machine of ``job`` has come, and tell them to begin.

    Raises `ClusterError` where one did not come in half an hour.
    """
    if job.nodes == 1:
        return
    folder = Path(job.folder)
    begin = told = time.monotonic()
    while len(come := claims(folder / NODES)) < job.nodes - 1:
        now = time.monotonic()
        missing = job.nodes - 1 - len(come)
        if now - begin > WAIT_SECONDS:
            raise ClusterError(
                f"{missing} of {job.nodes} machines did not join within {duration(WAIT_SECONDS)}",
                hint=f"run `ft join {job.folder}` there while this command waits",
                code="cluster.nobody",
            )
        if now - told > TELL_SECONDS:
            told = now
            notify(f"waiting for {missing} of {job.nodes} machines: `ft join {job.folder}`")
        time.sleep(POLL_SECONDS)
    meeting = read_message(Meeting, folder / MEETING)
    write_message(replace(meeting, begun=True), folder / MEETING)
    notify(f"{job.nodes} machines train together")


def require_one_machine(recipe: Recipe) -> None:
    """Raise `UnsupportedError` for a recipe of several machines where many runs are made."""
    if recipe.launch.nodes > 1:
        raise UnsupportedError(
            f"a comparison trains each run on one machine; launch.nodes is {recipe.launch.nodes}",
            hint="--set launch.nodes=1, or train the runs one by one and compare those",
            code="unsupported.nodes",
        )


def claims(folder: Path) -> list[Path]:
    """Return the claims of the machines that have come."""
    return [path for path in folder.glob("*.json") if path.stem.isdigit()]


def own_address() -> str:
    """Return the address by which other machines reach this one, as far as its routes tell."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address of no machine (RFC 5737); nothing is sent
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def free_port(address: str) -> int:
    """Return a port that nothing listens on at ``address``, one of this machine's."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise ClusterError(
                f"{address} is no address of this machine: {error.strerror}",
                hint=f"give one that the other machines reach in {ADDRESS}",
                code="cluster.address",
            ) from None
        return int(probe.getsockname()[1])
