"""Two machines that train together, on this one: the same bits as two processes of one machine."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ftcore.engine.prepare import prepare
from ftcore.engine.resume import resume
from ftcore.engine.run import execute
from ftcore.errors import WorkerCrashed
from ftcore.launcher import Stopped
from ftcore.plugins import load_plugins
from ftcore.recipe.loading import load_recipe
from ftcore.runs.folder import RunFolder

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
MACHINES = ("launch.nodes=2", 'launch.strategy="ddp"')
PROCESSES = ("launch.processes=2", 'launch.strategy="ddp"')
# Long enough that it is not over before it is struck.
SAVING = (
    "train.max_steps=60",
    "train.checkpoints.every_steps=1",
    "train.lora.dropout=0.1",
    "data.test=[]",
    "export.formats=[]",
)


@pytest.fixture
def machines(make_cell: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An observer's class that has the other machine join; ``joined`` are its processes."""
    monkeypatch.setenv("FT_ADDRESS", "127.0.0.1")

    class Machines(make_cell):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.joined: list[subprocess.Popen[str]] = []
            self.folder = Path()
            self.notices: list[str] = []
            self.at: dict[int, Callable[[], None]] = {}

        def started(self, run_folder: str) -> None:
            self.folder = Path(run_folder)

        def notice(self, text: str) -> None:
            self.notices.append(text)
            if "must join" in text:
                command = [sys.executable, "-m", "ftcore", "join", str(self.folder), "--json"]
                self.joined.append(
                    subprocess.Popen(
                        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                    )
                )

        def event(self, event: Any) -> None:
            super().event(event)
            if event.type == "checkpoint":
                self.at.pop(event.data["step"], lambda: None)()

    made = Machines()
    yield made
    for process in made.joined:
        if process.poll() is None:
            process.kill()
        process.communicate()


def train(machines: Any, recipe: Path, backend: str, *overrides: str) -> None:
    """Run on two machines."""
    loaded = load_recipe(recipe, overrides=(*MACHINES, *overrides))
    prepared = prepare(loaded, load_plugins(), backend=backend, notify=machines.notice)
    machines.outcome = execute(prepared, runs=recipe.parent / "runs", observer=machines)


def said(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code of `ft join` and what it wrote."""
    output, notices = process.communicate(timeout=120)
    return process.returncode, output + notices


def rank_of(machines: Any, rank: int) -> psutil.Process:
    """Return the process of a rank of the run, on whatever machine."""
    for process in psutil.process_iter():
        try:
            told = process.environ()
        except (psutil.Error, OSError):
            continue
        mine = told.get("FT_RUN_FOLDER", "").startswith(str(machines.folder))
        if mine and told.get("RANK") == str(rank):
            return process
    raise AssertionError(f"no rank {rank}")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_bits_as_two_processes_of_one_machine(
    machines: Any, cells: Any, tiny_recipe: Path, backend: str
) -> None:
    train(machines, tiny_recipe, backend)
    (joined,) = machines.joined
    code, text = said(joined)
    assert code == 0, text
    whole = cells(backend, *PROCESSES)
    assert machines.values("loss") == whole.values("loss")
    mine, theirs = machines.weights(), whole.weights()
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    run = machines.done.folder
    for name in ("receipts.jsonl", "receipts.rank1.jsonl"):
        assert run.file(name).read_bytes() == whole.done.folder.file(name).read_bytes()
    assert run.file("worker.node1.log").exists()
    assert not run.file("nodes").exists()
    assert run.manifest().state == "finished"


def test_ctrl_c_on_the_other_machine_stops_all_and_the_run_goes_on(
    machines: Any, cells: Any, tiny_recipe: Path
) -> None:
    machines.at[2] = lambda: machines.joined[0].send_signal(signal.SIGINT)
    with pytest.raises(Stopped):
        train(machines, tiny_recipe, "trl", *SAVING)
    code, text = said(machines.joined[0])
    assert code == 130, text
    run = RunFolder(machines.folder)
    assert run.manifest().state == "interrupted"
    machines.outcome = resume(run, load_plugins(), observer=machines)
    assert said(machines.joined[1])[0] == 0
    (entry,) = run.manifest().resumed
    assert 2 <= entry["from_step"] < 60
    mine, theirs = machines.weights(), cells("trl", *PROCESSES, *SAVING).weights()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_is_killed_on_either_machine_ends_both(
    machines: Any, tiny_recipe: Path, rank: int
) -> None:
    machines.at[2] = lambda: rank_of(machines, rank).kill()
    with pytest.raises(WorkerCrashed, match="signal 9"):
        train(machines, tiny_recipe, "trl", *SAVING)
    code, text = said(machines.joined[0])
    assert code == 6, text
    assert "this machine's part of the training ended" in text
    run = RunFolder(machines.folder)
    assert run.manifest().state == "crashed"
    assert f"rank {rank} ended first" in run.file("worker.log").read_text("utf-8", "replace")
    assert not run.file("nodes").exists()


def test_another_environment_is_refused_and_the_run_waits_on(
    machines: Any, tiny_recipe: Path, tmp_path: Path
) -> None:
    """A machine with another ft does not join; one with the same still may."""
    wrong: list[subprocess.CompletedProcess[str]] = []
    right = machines.notice

    def notice(text: str) -> None:
        if "must join" in text:
            kept = machines.folder / "environment.json"
            true = kept.read_text("utf-8")
            kept.write_text(true.replace('"code": "', '"code": "0'), "utf-8")
            command = [sys.executable, "-m", "ftcore", "join", str(machines.folder)]
            wrong.append(subprocess.run(command, capture_output=True, text=True, check=False))
            kept.write_text(true, "utf-8")
        right(text)

    machines.notice = notice
    train(machines, tiny_recipe, "trl", "data.test=[]", "export.formats=[]")
    assert wrong[0].returncode == 5
    assert "another environment" in wrong[0].stderr
    assert "the worker's code" in wrong[0].stderr
    assert said(machines.joined[0])[0] == 0
