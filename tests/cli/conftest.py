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


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that installs a plugin: distribution, module, code."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def install(name: str, module: str, code: str) -> None:
        (site / f"{module}.py").write_text(code, encoding="utf-8")
        about = site / f"{name.replace('-', '_')}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[ft]\n{module} = {module}\n")

    return install


BACKEND = """
import dataclasses
from pathlib import Path
from ft_toy import plugin
from ftcore.hookspecs import hookimpl

@hookimpl
def ft_backends():
    spec = next(iter(plugin.ft_backends()))
    place = dataclasses.replace(
        spec.environment, name={name!r}, lock=Path({lock!r}), imports=("json",)
    )
    yield dataclasses.replace(spec, name={name!r}, environment=place)
"""


@pytest.fixture
def install_backend(toy: Any, install_plugin: Any, tmp_path: Path) -> Callable[[str, str], None]:
    """A function that installs a copy of the toy with another name and another lock."""

    def install(name: str, lock: str) -> None:
        path = tmp_path / f"{name}.txt"
        path.write_text(lock, encoding="utf-8")
        install_plugin(f"ft-{name}", name, BACKEND.format(name=name, lock=str(path)))

    return install
