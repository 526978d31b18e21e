"""Ctrl-C and SIGTERM, sent to a process that runs the engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from ftcore.errors import WorkerCrashed
from ftcore.protocol import Receipt, Result, decode, read_message
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import list_runs

# The graces are shortened; everything else is as in `ft run`.
SCRIPT = """
import sys
from pathlib import Path
from ftcore.engine.observer import Observer
from ftcore.engine.prepare import prepare
from ftcore.engine.run import execute
from ftcore.launcher import Stopped, launch, process_tree
from ftcore.plugins import load_plugins
from ftcore.recipe.loading import load_recipe

launch.GRACE_SECONDS, process_tree.TERM_SECONDS = float(sys.argv[3]), 1.0
loaded = load_recipe(sys.argv[1], overrides=sys.argv[4:])
prepared = prepare(loaded, load_plugins(), notify=lambda text: None)
try:
    execute(prepared, runs=Path(sys.argv[2]), observer=Observer(), python="current")
except Stopped as stop:
    sys.exit(stop.exit_code)
"""


class Started:
    """A process that runs the engine, and the run that it made."""

    def __init__(self, toy, process: subprocess.Popen[str]) -> None:
        self.toy = toy
        self.process = process

    def run(self) -> RunFolder:
        """Return the run as soon as its directory is there."""
        self.wait_for(lambda: bool(list_runs(self.toy.runs)))
        return list_runs(self.toy.runs)[0]

    def wait_for_step(self, step: int = 1) -> RunFolder:
        """Wait until the worker has done a training step."""
        run = self.run()

        def reached() -> bool:
            lines = run.read_lines("events.jsonl")
            return any(e["stage"] == "train" and e["data"].get("done", 0) >= step for e in lines)

        self.wait_for(reached)
        return run

    def wait_for(self, reached) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "nothing happened for a minute"
            time.sleep(0.02)

    def ends_with(self, code: int) -> None:
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == code, out + err
        assert "Traceback" not in err, err


@contextmanager
def engine(toy, toy_site: Path, variant: str, *, grace: float = 60.0) -> Iterator[Started]:
    """Start the engine in a process of its own, with the toy's ``variant``."""
    script = toy.root / "run_engine.py"
    script.write_text(SCRIPT)
    env = {**os.environ, "FT_TOY": variant, "PYTHONPATH": str(toy_site)}
    arguments = [str(toy.recipe), str(toy.runs), str(grace), "train.epochs=40"]
    with subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Started(toy, process)
        finally:
            process.kill()


def nothing_runs(run: RunFolder) -> bool:
    """Whether no process of the run is left; a dead one that init has not met yet is none."""
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("FT_RUN_FOLDER") == str(run.path)
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                return False
        except (psutil.Error, OSError):
            continue
    return True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_stops_after_its_step_and_keeps_what_it_has(
    toy, toy_site: Path, number: int, code: int
):
    with engine(toy, toy_site, "Slow") as started:
        run = started.wait_for_step(2)
        assert run.manifest().state == "running"
        assert run.manifest().stage == "train"
        started.process.send_signal(number)
        started.ends_with(code)
    manifest = run.manifest()
    assert (manifest.state, manifest.stage, manifest.error) == ("interrupted", "train", None)
    assert manifest.finished is not None
    assert nothing_runs(run)
    result = read_message(Result, run.file("result.json"))
    steps = result.stages["train"]["steps"]
    assert (result.status, 2 <= steps < 100) == ("stopped", True)
    assert Path(result.stages["train"]["last"]).exists()
    assert run.file("predictions/before.jsonl").exists()
    receipts = [decode(Receipt, line) for line in run.read_lines("receipts.jsonl")]
    assert receipts[-1].step + 1 == steps
    assert not run.file("metrics.json").exists()


def test_a_worker_that_does_not_listen_is_ended_after_the_grace(toy, toy_site: Path):
    with engine(toy, toy_site, "IgnoresRequest", grace=0.5) as started:
        run = started.wait_for_step()
        started.process.send_signal(signal.SIGINT)
        started.ends_with(130)
    assert run.manifest().state == "interrupted"
    assert nothing_runs(run)
    assert not run.file("result.json").exists()


@pytest.mark.parametrize("variant", ["IgnoresEverything", "HasGrandchild"])
def test_a_second_ctrl_c_ends_the_whole_tree(toy, toy_site: Path, variant: str):
    with engine(toy, toy_site, variant) as started:
        run = started.wait_for_step()
        started.process.send_signal(signal.SIGINT)
        started.wait_for(run.file("stop.request").exists)
        started.process.send_signal(signal.SIGINT)
        started.ends_with(130)
    assert run.manifest().state == "interrupted"
    assert nothing_runs(run)


def test_ctrl_c_at_the_terminal_does_not_reach_the_worker(toy, toy_site: Path):
    """The terminal signals the whole foreground group; the worker is in a session of its own."""
    with engine(toy, toy_site, "Slow") as started:
        run = started.wait_for_step(2)
        os.killpg(started.process.pid, signal.SIGINT)
        started.ends_with(130)
    assert read_message(Result, run.file("result.json")).status == "stopped"


def test_a_run_whose_owner_was_killed_is_crashed_and_its_files_stay(toy, toy_site: Path):
    with engine(toy, toy_site, "Slow") as started:
        run = started.wait_for_step()
        started.process.kill()
        started.process.wait()
        assert run.manifest().state == "crashed"
        # The worker outlives its owner, and ends in order when it is asked to.
        run.file("stop.request").touch()
        deadline = time.monotonic() + 30
        while not run.file("result.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert read_message(Result, run.file("result.json")).status == "stopped"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_python_face_says_interrupted_too(toy, toy_site: Path, number: int, code: int):
    script = toy.root / "face.py"
    script.write_text(
        "import sys, ftcore\n"
        "from ftcore.launcher import Stopped\n"
        "try:\n"
        "    ftcore.run(sys.argv[1], runs=sys.argv[2], python='current', progress=False,\n"
        "               overrides=['train.epochs=40'])\n"
        "except Stopped as stop:\n"
        "    sys.exit(stop.exit_code)\n"
    )
    env = {**os.environ, "FT_TOY": "Slow", "PYTHONPATH": str(toy_site)}
    with subprocess.Popen(
        [sys.executable, str(script), str(toy.recipe), str(toy.runs)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        started = Started(toy, process)
        try:
            run = started.wait_for_step()
            process.send_signal(number)
            started.ends_with(code)
        finally:
            process.kill()
    assert run.manifest().state == "interrupted"
    assert nothing_runs(run)


def test_ctrl_c_while_scoring(toy, monkeypatch: pytest.MonkeyPatch):
    """No worker runs any more; the run still says how it ended."""

    def interrupt(metrics: object) -> None:
        raise KeyboardInterrupt

    toy.heard.scored = interrupt
    with pytest.raises(KeyboardInterrupt):
        toy.run()
    assert toy.last().manifest().state == "interrupted"
    assert toy.last().file("metrics.json").exists()


def test_the_next_run_is_free_of_what_the_last_one_left(toy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FT_TOY", "KilledBySignal")
    with pytest.raises(WorkerCrashed):
        toy.run()
    monkeypatch.delenv("FT_TOY")
    outcome = toy.run()
    assert outcome.folder.manifest().state == "finished"
    assert [run.manifest().state for run in list_runs(toy.runs)] == ["finished", "crashed"]
