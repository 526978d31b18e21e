"""A stand-in for uv at the one seam that exists for it, and a spec with a small lock."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ftcore.backends import EnvironmentSpec

LOCK = "six==1.17.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"


@dataclass
class Recorder:
    """Makes a venv that is a link to this Python, installs nothing, records every command."""

    fail: str = ""
    output: str = ""
    commands: list[list[str]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)

    def run(self, args: Sequence[str], env: Mapping[str, str], log: Path) -> int:
        self.commands.append(list(args))
        self.environments.append(dict(env))
        with log.open("a") as file:
            file.write(self.output)
        if args[0] == "venv":
            python = log.parent / "venv" / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        return int(bool(self.fail) and self.fail in args)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FT_DEVICE", "cpu")
    return tmp_path / "cache"


@pytest.fixture
def make_spec(tmp_path: Path) -> Callable[..., EnvironmentSpec]:
    def make(
        lock: str = LOCK,
        torch: str = "",
        imports: tuple[str, ...] = ("json",),
        requires: str = ">=3.11",
        version: str = "0.1.0",
    ) -> EnvironmentSpec:
        path = tmp_path / "lock.txt"
        path.write_text(lock)
        return EnvironmentSpec("tiny", version, path, torch, requires, imports)

    return make
