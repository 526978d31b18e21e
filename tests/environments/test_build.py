import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftcore import cache
from ftcore.environments import build
from ftcore.environments.build import ensure
from ftcore.environments.environment import environment_folder
from ftcore.errors import BuildError, DiskFull, MachineError

Maker = Callable[..., Any]


def test_it_is_built_once_and_then_reused(make_spec: Maker, recorder: Any, said: list[str]):
    spec = make_spec()
    built = ensure(spec, notify=said.append, installer=recorder)
    assert (built.built, built.reason, built.torch_source) == (True, "first build", "none")
    assert built.python == built.folder / "venv" / "bin" / "python"
    assert built.folder == environment_folder("tiny", built.key)
    commands = len(recorder.commands)
    again = ensure(spec, notify=said.append, installer=recorder)
    assert (again.built, again.reason, again.key) == (False, "reused", built.key)
    assert again.packages == built.packages
    assert len(recorder.commands) == commands
    assert said[-1] == f"environment tiny: reused ({built.key})"


def test_the_lock_is_installed_by_hash_and_torch_within_it(
    make_spec: Maker, recorder: Any, said: list[str], tmp_path: Path, monkeypatch: Any
):
    version = f"cp3{sys.version_info.minor}"
    (tmp_path / f"torch-9.9.0+cpu-{version}-{version}-linux_x86_64.whl").write_bytes(b"")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr("ftcore.environments.torch_source.platform_tags", lambda: ["linux_x86_64"])
    found = ensure(make_spec(torch="9.9.0"), notify=said.append, installer=recorder)
    venv, lock, torch = recorder.commands
    assert venv[:2] == ["venv", "--python"]
    assert {"--require-hashes", "--no-deps", "--no-build"} <= set(lock)
    assert torch[-1] == "torch==9.9.0+cpu"
    assert Path(torch[torch.index("-c") + 1]).read_text() == "six==1.17.0\n"
    assert str(found.python) in torch
    assert found.torch_source == "find-links"


def test_a_rebuild_says_why(make_spec: Maker, recorder: Any, said: list[str]):
    ensure(make_spec(), notify=said.append, installer=recorder)
    newer = ensure(
        make_spec(lock="six==1.18.0\n", version="0.2.0"), notify=said.append, installer=recorder
    )
    assert newer.reason == "ft-tiny 0.1.0 -> 0.2.0; lock changed: six 1.17.0 -> 1.18.0"
    assert any(newer.reason in line for line in said)


def test_a_partial_folder_is_wiped(make_spec: Maker, recorder: Any, said: list[str]):
    first = ensure(make_spec(), notify=said.append, installer=recorder)
    (first.folder / "state.json").unlink()
    (first.folder / "left.txt").write_text("over")
    again = ensure(make_spec(), notify=said.append, installer=recorder)
    assert again.built
    assert not (first.folder / "left.txt").exists()


def test_a_python_that_went_away_means_a_rebuild(make_spec: Maker, recorder: Any, said: list[str]):
    first = ensure(make_spec(), notify=said.append, installer=recorder)
    first.python.unlink()
    assert ensure(make_spec(), notify=said.append, installer=recorder).built


def test_a_failure_gives_the_tail_the_log_and_a_hint(
    make_spec: Maker, recorder: Any, said: list[str]
):
    recorder.fail, recorder.output = "--require-hashes", "error: Hash mismatch for `six`\n"
    with pytest.raises(BuildError, match="Hash mismatch for `six`") as caught:
        ensure(make_spec(), notify=said.append, installer=recorder)
    assert caught.value.code == "environment.hash"
    log = Path(caught.value.details["log"])
    assert str(log) in (caught.value.hint or "")
    assert log.is_file()
    assert not (log.parent / "venv").exists()
    recorder.fail = ""
    assert ensure(make_spec(), notify=said.append, installer=recorder).built


def test_a_disk_that_fills_up_is_called_so(make_spec: Maker, recorder: Any, said: list[str]):
    recorder.fail, recorder.output = "-r", "error: No space left on device (os error 28)\n"
    with pytest.raises(DiskFull):
        ensure(make_spec(), notify=said.append, installer=recorder)


def test_too_little_disk_is_found_before_anything_is_done(
    make_spec: Maker, recorder: Any, said: list[str], monkeypatch: Any
):
    monkeypatch.setattr(build, "_DISK", {"none": 10**18})
    with pytest.raises(DiskFull, match="The tiny environment needs"):
        ensure(make_spec(), notify=said.append, installer=recorder)
    assert recorder.commands == []


def test_an_engine_that_does_not_import_is_no_environment(
    make_spec: Maker, recorder: Any, said: list[str]
):
    with pytest.raises(BuildError, match="import no_such_engine: ModuleNotFoundError") as caught:
        ensure(make_spec(imports=("no_such_engine",)), notify=said.append, installer=recorder)
    assert caught.value.code == "environment.health"


def test_offline_is_passed_on_and_explained(make_spec: Maker, recorder: Any, said: list[str]):
    recorder.fail, recorder.output = "-r", "six was not found in the cache\n"
    with pytest.raises(BuildError) as caught:
        ensure(make_spec(), offline=True, notify=said.append, installer=recorder)
    assert caught.value.code == "environment.offline"
    assert all("--offline" in command for command in recorder.commands)


def test_windows_is_refused(
    make_spec: Maker, recorder: Any, said: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cache.sys, "platform", "win32")
    with pytest.raises(MachineError) as caught:
        ensure(make_spec(), notify=said.append, installer=recorder)
    assert "WSL" in (caught.value.hint or "")


def test_secrets_stay_out_of_the_state(
    make_spec: Maker, recorder: Any, said: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("UV_INDEX", "https://me:secret@index.example/simple")
    found = ensure(make_spec(torch="9.9.0"), notify=said.append, installer=recorder)
    assert found.torch_source == "index"
    assert "secret" not in (found.folder / "state.json").read_text()
    assert "secret" not in (found.folder / "build.log").read_text()
    assert json.loads((found.folder / "state.json").read_text())["backend"] == "tiny"


SIX = (
    "six==1.17.0 \\\n"
    "    --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274 \\\n"
    "    --hash=sha256:ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81\n"
)


def test_a_real_build_with_uv(make_spec: Maker, said: list[str]):
    spec = make_spec(lock=SIX, imports=("six",))
    found = ensure(spec, notify=said.append)
    assert found.packages == {"six": "1.17.0"}
    with found.lease() as descriptor:
        assert descriptor is not None
        done = subprocess.run(
            [found.python, "-I", "-c", f"import os, six; os.fstat({descriptor}); print(six.PY3)"],
            pass_fds=(descriptor,),
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": os.environ["PATH"]},
        )
    assert done.stdout == "True\n"
    assert not ensure(spec, notify=said.append).built


def test_a_real_build_refuses_another_hash(make_spec: Maker, said: list[str]):
    wrong = SIX.replace("4721f391", "00000000").replace("ff70335d", "00000000")
    with pytest.raises(BuildError) as caught:
        ensure(make_spec(lock=wrong, imports=("six",)), notify=said.append)
    assert caught.value.code == "environment.hash"
