from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ftcore import code_folder as room
from ftcore.code_folder import code_folder
from ftcore.protocol import Job, Result, read_message, write_message


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "site" / "my_engine"
    (folder / "locks").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "worker.py").write_text("VALUE = 1\n")
    (folder / "locks" / "lock.txt").write_text("six==1.17.0\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "worker.cpython-311.pyc").write_bytes(b"old")
    (folder.parent / "neighbour.py").write_text("not ours")
    return folder


def test_only_the_childs_parts_and_the_plugin_are_copied(tmp_path: Path, package: Path):
    folder = code_folder(tmp_path / "cache", package)
    assert sorted(path.name for path in folder.iterdir()) == ["ftcore", "my_engine"]
    assert {path.name for path in (folder / "ftcore").iterdir()} == set(room.CHILD_PARTS)
    assert (folder / "my_engine" / "locks" / "lock.txt").read_text() == "six==1.17.0\n"
    assert not list(folder.rglob("*.pyc"))
    assert not (folder / "neighbour.py").exists()


def test_the_same_code_is_the_same_folder(tmp_path: Path, package: Path):
    folder = code_folder(tmp_path / "cache", package)
    before = folder.stat().st_ino
    assert code_folder(tmp_path / "cache", package) == folder
    assert folder.stat().st_ino == before


def test_other_content_is_another_folder(tmp_path: Path, package: Path):
    names = {code_folder(tmp_path / "cache", package).name}
    worker = package / "worker.py"
    for change in (
        lambda: worker.write_text("VALUE = 2\n"),
        lambda: worker.rename(package / "other.py"),
        lambda: (package / "a.py").write_text("x\n"),
        lambda: (package / "locks" / "lock.txt").write_text("six==1.16.0\n"),
    ):
        change()
        names.add(code_folder(tmp_path / "cache", package).name)
    assert len(names) == 5


def test_a_folder_that_lost_files_is_written_again(tmp_path: Path, package: Path):
    folder = code_folder(tmp_path / "cache", package)
    (folder / "my_engine" / "worker.py").unlink()
    (folder / "ftcore" / "protocol.py").write_text("cut")
    assert code_folder(tmp_path / "cache", package) == folder
    assert (folder / "my_engine" / "worker.py").read_text() == "VALUE = 1\n"
    compile((folder / "ftcore" / "protocol.py").read_text(), "protocol.py", "exec")
    assert len((folder / "ftcore" / "protocol.py").read_text()) > 1000


def base_python() -> str:
    """Return the interpreter that this environment was made with: no packages of ours in it."""
    return os.path.realpath(sys.executable)


def test_the_child_starts_with_an_empty_environment_and_nothing_but_the_copy(
    tmp_path: Path, package: Path, make_job: Callable[..., Job]
):
    """No package at all is installed for this interpreter, and the job has no stage."""
    job = make_job()
    folder, path = code_folder(tmp_path / "cache", package), Path(job.folder) / "job.json"
    write_message(job, path)
    bootstrap = folder / "ftcore" / "worker" / "bootstrap.py"
    done = subprocess.run(
        [base_python(), "-I", "-S", str(bootstrap), str(folder), str(path)],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = read_message(Result, Path(job.folder) / "result.json")
    assert (result.status, result.failure) == ("ok", None)


CODE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from ftcore.worker.main import run_job_file
import ftcore.worker.stages, ftcore.worker.receipts, ftcore.worker.events, ftcore.worker.stream
import ftcore.worker.exporter, ftcore.rendering.digests, ftcore.rendering.order, ftcore.backends
import my_engine.worker
places = {name: module.__file__ for name, module in sys.modules.items()
          if name.partition(".")[0] in ("ftcore", "my_engine")}
print(json.dumps(places))
"""


def test_the_copy_wins_over_an_installed_ftcore(tmp_path: Path, package: Path):
    """This Python has ftcore installed; a worker in it still uses the copy alone."""
    folder = code_folder(tmp_path / "cache", package)
    done = subprocess.run(
        [sys.executable, "-I", "-c", CODE, str(folder)], env={}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    places = json.loads(done.stdout)
    assert len(places) > 10
    assert all(Path(place).is_relative_to(folder) for place in places.values())


def test_the_copy_needs_no_other_part_of_ftcore(tmp_path: Path, package: Path):
    """With the packages of this environment but without its ftcore."""
    folder = code_folder(tmp_path / "cache", package)
    numpy = Path(pytest.importorskip("numpy").__file__).parents[1]
    code = "import sys; sys.path.append(sys.argv[2])\n" + CODE
    code += "assert not any('ftcore' in place for place in sys.path[1:]), sys.path\n"
    done = subprocess.run(
        [base_python(), "-I", "-S", "-c", code, str(folder), str(numpy)],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
