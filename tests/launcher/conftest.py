"""Workers that are small scripts: real processes, without an engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ftcore.launcher import Launcher, Observers, spawn
from ftcore.protocol import Event, Job, Receipt, Result

HEAD = """
import json, os, signal, subprocess, sys, time
from pathlib import Path

def line(name, **data):
    with open(name, "a") as file:
        file.write(json.dumps(data) + "\\n")

def event(type, stage="train", **data):
    line("events.jsonl", version=1, sequence=0, time=0.0, type=type, stage=stage, rank=0, data=data)

def result(status="ok", failure=None):
    data = dict(version=1, status=status, stages={}, versions={}, failure=failure)
    Path("result.json").write_text(json.dumps(data))
"""


@dataclass
class Worker:
    """Runs a script in the place of a worker and keeps what it says."""

    job: Job
    home: Path
    events: list[Event] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    on_event: Callable[[Event], Any] = lambda event: None

    @property
    def folder(self) -> Path:
        return Path(self.job.folder)

    def run(self, script: str, *, lease_fds: Sequence[int] = ()) -> Result:
        """Run the script; its last lines are the worker's."""

        def start(args: Sequence[str], *, env: Mapping[str, str], log: Path, pass_fds: Any) -> Any:
            command = [sys.executable, "-c", HEAD + script]
            return spawn(command, env=env, log=log, pass_fds=pass_fds)

        def hear(event: Event) -> None:
            self.events.append(event)
            self.on_event(event)

        launcher = Launcher(Path(sys.executable), self.folder, self.home, start=start)
        observers = Observers(hear, self.receipts.append, self.notices.append)
        return launcher.run(self.job, observers, lease_fds=lease_fds)


@pytest.fixture
def worker(make_job: Callable[..., Job], tmp_path: Path) -> Worker:
    return Worker(make_job(), tmp_path / "home")
