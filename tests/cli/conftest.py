"""Runs the command line in this process, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ftcore.cli import main


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    def refused(self, code: int) -> str:
        """Check that this is one clear error with the exit code; return its text."""
        assert self.code == code, self.err
        assert [line[:6] for line in self.err.splitlines()].count("error:") == 1, self.err
        assert "Traceback" not in self.err
        return self.err


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with a cache of its own and none of the user's settings."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    for name in ("FT_RUNS", "FT_DEVICE", "FT_DISABLE_PLUGINS", "FT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return here


@pytest.fixture
def ft(clean: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """A function that runs ``ft`` in this process."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def ft_process(clean: Path) -> Callable[..., Said]:
    """A function that runs ``ft`` in a process of its own; keywords are environment variables."""

    def run(*arguments: object, **environment: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "ftcore", *map(str, arguments)],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run
