"""How the machines of a training find each other; they train in tests/contract."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ftcore
from ftcore.engine import nodes
from ftcore.engine.join import await_begin, claim, waiting_run
from ftcore.engine.nodes import await_others, claims, free_port, meeting_place, own_address
from ftcore.errors import ClusterError, RunNotFound, UnsupportedError
from ftcore.protocol import MEETING, Job, Meeting, read_message
from ftcore.runs.folder import RunFolder


@pytest.fixture
def run(toy: Any) -> RunFolder:
    """A finished run of one machine."""
    folder: RunFolder = toy.run().folder
    return folder


@pytest.fixture
def job(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Its job, as if it were to be trained by three machines."""
    monkeypatch.setenv("FT_ADDRESS", "127.0.0.1")
    return replace(read_message(Job, run.file("job.json")), nodes=3, world_size=3)


def test_one_machine_meets_nobody(run: RunFolder):
    alone = read_message(Job, run.file("job.json"))
    heard: list[str] = []
    with meeting_place(alone, heard.append):
        await_others(alone, heard.append)
        assert not run.file("nodes").exists()
    assert heard == []


def test_three_machines_meet(run: RunFolder, job: Job):
    heard: list[str] = []
    with meeting_place(job, heard.append):
        assert heard == [f"2 more machines must join: run `ft join {run.path}` there"]
        meeting = read_message(Meeting, run.file(MEETING))
        assert (meeting.nodes, meeting.address, meeting.begun) == (3, "127.0.0.1", False)
        assert waiting_run(run.path.parent, 0.0).path == run.path
        assert [claim(run), claim(run)] == [1, 2]
        assert json.loads(run.file("nodes/1.json").read_text())["host"]
        with pytest.raises(ClusterError, match="all 3 machines") as caught:
            claim(run)
        assert caught.value.code == "cluster.full"
        await_others(job, heard.append)
        await_begin(run)
        with pytest.raises(ClusterError, match="waits for no machine"):
            claim(run)
        with pytest.raises(RunNotFound):
            waiting_run(run.path.parent, 0.0)
    assert heard[-1] == "3 machines train together"
    assert not run.file("nodes").exists()


def test_a_machine_that_left_makes_room(run: RunFolder, job: Job):
    with meeting_place(job, print):
        assert claim(run) == 1
        run.file("nodes/1.json").unlink()
        assert claim(run) == 1
        assert len(claims(run.file("nodes"))) == 1


def test_nobody_comes(job: Job, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nodes, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(nodes, "TELL_SECONDS", 0.0)
    heard: list[str] = []
    with (
        pytest.raises(ClusterError, match="2 of 3 machines did not join within") as caught,
        meeting_place(job, heard.append),
    ):
        await_others(job, heard.append)
    assert caught.value.code == "cluster.nobody"
    assert any("waiting for 2 of 3 machines" in text for text in heard)


def test_a_run_that_ends_before_it_trains(run: RunFolder, job: Job):
    with meeting_place(job, print):
        claim(run)
        failed: list[Exception] = []

        def wait() -> None:
            try:
                await_begin(run)
            except ClusterError as error:
                failed.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
    waiting.join(10)
    assert "ended before it began to train" in str(failed[0])


def test_addresses():
    assert own_address().count(".") == 3
    assert free_port("127.0.0.1") > 0
    with pytest.raises(ClusterError, match=r"192\.0\.2\.1 is no address of this machine"):
        free_port("192.0.2.1")


def test_joining_what_does_not_wait_is_refused(run: RunFolder, toy: Any):
    with pytest.raises(ClusterError, match="waits for no machine"):
        ftcore.join(run.path, runs=toy.runs, progress=False)
    with pytest.raises(RunNotFound, match=r"no run in .* waits for a machine"):
        ftcore.join(wait=0.3, runs=toy.runs, progress=False)


def test_a_run_at_another_path_is_refused(run: RunFolder, job: Job, tmp_path: Path, toy: Any):
    elsewhere = tmp_path / "elsewhere"
    with meeting_place(job, print):
        shutil.copytree(run.path, elsewhere)
        with pytest.raises(ClusterError, match="calls its directory") as caught:
            ftcore.join(elsewhere, runs=toy.runs, progress=False)
    assert "at the same path" in str(caught.value.hint)


def test_comparisons_take_one_machine(toy: Any):
    several = ["launch.nodes=2", 'launch.strategy="ddp"']
    with pytest.raises(UnsupportedError, match=r"launch\.nodes is 2"):
        ftcore.parity(toy.recipe, backends=["trl", "swift"], overrides=several, progress=False)
