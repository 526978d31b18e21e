import platform
import sys
from pathlib import Path

import pytest

from ftcore.environments.pythons import choose_python, python_version
from ftcore.errors import BuildError

HERE = ".".join(platform.python_version_tuple()[:2])


def test_the_python_that_runs_ft_is_taken_if_it_fits():
    choice = choose_python(">=3.11")
    assert (choice.request, choice.version) == (sys.executable, HERE)


def test_a_named_one_must_fit(tmp_path: Path):
    assert choose_python(">=3.11", sys.executable).version == HERE
    with pytest.raises(BuildError, match="the environment needs <3"):
        choose_python("<3", sys.executable)
    with pytest.raises(BuildError, match="does not run"):
        choose_python(">=3.11", str(tmp_path / "python"))


def test_another_one_from_path_if_it_runs_else_uv_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_python(">=3.11,<3.14").request == "3.13"
    for minor, script in ((13, "exit 127"), (12, "echo 3.12.7")):
        program = tmp_path / f"python3.{minor}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    choice = choose_python(">=3.11,<3.14")
    assert (choice.request, choice.version) == (str(tmp_path / "python3.12"), "3.12")


def test_a_range_that_nothing_satisfies():
    with pytest.raises(BuildError, match="No Python satisfies"):
        choose_python("<3.0")


def test_the_version_of_an_interpreter():
    assert python_version(Path(sys.executable)) == platform.python_version()
