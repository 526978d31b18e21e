from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ftcore.errors import MachineError, RunLocked, RunNotFound
from ftcore.runs.folder import LOCK, MANIFEST, RunFolder

FACTS: dict[str, Any] = {
    "recipe": "ner",
    "profile": None,
    "backend": "toy",
    "model": "tiny",
    "seed": 7,
}
HOLD = """
import sys
from pathlib import Path
from ftcore.runs.folder import RunFolder
run = RunFolder(Path(sys.argv[1]))
with run.lock():
    run.update(state="running", stage="train")
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def owner(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the run and says "running"."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", **FACTS)


def test_a_new_run(run: RunFolder):
    assert run.path.is_absolute()
    assert run.path.name.startswith("ner-toy-")
    made = {path.name for path in run.path.iterdir()}
    assert made == {"stream", "predictions", "exports", "plots", "requests", MANIFEST}
    with run.lock():
        manifest = run.manifest()
    assert (manifest.id, manifest.state, manifest.stage) == (run.path.name, "preparing", None)
    assert {name: getattr(manifest, name) for name in FACTS} == FACTS


def test_two_runs_of_one_second_are_two(tmp_path: Path):
    assert len({RunFolder.create(tmp_path, **FACTS).path for _ in range(5)}) == 5


def test_a_place_that_cannot_be_written_is_a_machine_error(tmp_path: Path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(MachineError, match="cannot be made") as caught:
        RunFolder.create(tmp_path / "runs", **FACTS)
    assert (caught.value.code, caught.value.exit_code) == ("machine.runs", 5)


def test_states(run: RunFolder):
    with run.lock():
        assert run.update(state="running", stage="train").finished is None
        assert run.manifest().state == "running"
        finished = run.update(state="finished", stage=None)
    assert finished.finished is not None
    assert run.manifest() == finished
    with pytest.raises(ValueError, match="unknown run state 'done'"):
        run.update(state="done")


def test_a_run_whose_owner_lives_is_running_and_one_whose_owner_died_is_crashed(run: RunFolder):
    with owner(run) as process:
        assert (run.is_locked(), run.manifest().state) == (True, "running")
        process.kill()
        process.wait()
        assert (run.is_locked(), run.manifest().state) == (False, "crashed")
    assert run.manifest().stage == "train"
    # What the owner wrote last is left as it is.
    assert run.read_json(MANIFEST)["state"] == "running"


def test_a_finished_run_is_finished_whoever_holds_it(run: RunFolder):
    run.update(state="interrupted")
    assert run.manifest().state == "interrupted"
    with run.lock():
        assert run.manifest().state == "interrupted"


def test_one_owner_at_a_time(run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ftcore.runs.folder.LOCK_SECONDS", 0.1)
    with (
        owner(run),
        pytest.raises(RunLocked, match="in use by another process") as caught,
        run.lock(),
    ):
        pass
    assert caught.value.exit_code == 5
    with run.lock():
        pass


def test_those_who_look_do_not_keep_the_owner_out(run: RunFolder):
    """Ten threads ask all the time; the lock is taken and given back again and again."""
    done, seen = threading.Event(), set()

    def look() -> None:
        while not done.is_set():
            seen.add(run.is_locked())

    threads = [threading.Thread(target=look) for _ in range(10)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            with run.lock():
                assert run.is_locked()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not run.is_locked()


def test_looking_writes_nothing(run: RunFolder):
    before = sorted(run.path.iterdir())
    assert not run.is_locked()
    assert sorted(run.path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_run_can_be_looked_at(run: RunFolder):
    with owner(run):
        run.path.chmod(0o555)
        try:
            assert run.manifest().state == "running"
        finally:
            run.path.chmod(0o755)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": "x"}', '{"colour": 1}'])
def test_a_damaged_manifest_is_an_expected_error(run: RunFolder, text: str):
    run.file(MANIFEST).write_text(text)
    with pytest.raises(RunNotFound) as caught:
        run.manifest()
    assert caught.value.code == "run.manifest"


def test_half_lines_are_left_out(run: RunFolder):
    run.file("x.jsonl").write_text('{"a": 1}\n\n{"a": "\u2028"}\n{"a": 3', encoding="utf-8")
    assert run.read_lines("x.jsonl") == [{"a": 1}, {"a": "\u2028"}]
    assert run.read_lines("none.jsonl") == []
    assert run.read_json("none.json") is None


def test_the_manifest_is_plain_json(run: RunFolder):
    run.update(state="failed", error={"message": "half a pair \ud800", "value": float("nan")})
    data = json.loads(run.file(MANIFEST).read_text(encoding="utf-8"))
    assert data["error"] == {"message": "half a pair \ud800", "value": None}
    assert not (run.path / LOCK).exists()
