import sys
from pathlib import Path

import pytest

from ftcore.environments.health import check_health, clean_environment, import_failure
from ftcore.errors import BuildError


def test_imports_and_versions_are_reported():
    health = check_health(Path(sys.executable), ["json", "no_such_engine"])
    assert list(health.errors) == ["no_such_engine"]
    assert "import no_such_engine: ModuleNotFoundError" in import_failure(health)
    assert health.packages["pytest"] == pytest.__version__
    assert health.devices == {}


def test_a_module_that_exits_is_a_failed_import(monkeypatch: pytest.MonkeyPatch):
    health = check_health(Path(sys.executable), ["this", "antigravity_none"])
    assert list(health.errors) == ["antigravity_none"]


def test_another_pythons_path_does_not_leak_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "leaked.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "leaked" in check_health(Path(sys.executable), ["leaked"]).errors


def test_a_process_that_dies_is_an_error(tmp_path: Path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'no libpython'; exit 127\n")
    program.chmod(0o755)
    with pytest.raises(BuildError, match="status 127\nno libpython"):
        check_health(program, ["json"])


def test_what_is_dropped_from_the_environment():
    given = {"PATH": "/bin", "PYTHONHOME": "/x", "VIRTUAL_ENV": "/y", "CONDA_PREFIX": "/z"}
    assert clean_environment(given) == {"PATH": "/bin"}
