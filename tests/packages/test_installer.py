import os
from pathlib import Path

import pytest

from ftcore.packages.installer import UvInstaller, find_uv, judge_failure, log_tail


def test_uv_comes_with_its_package():
    assert Path(find_uv()).is_file()


def test_output_goes_to_the_log_without_secrets(tmp_path: Path):
    log = tmp_path / "uv.log"
    status = UvInstaller().run(
        [
            "pip",
            "install",
            "--index",
            "https://me:secret@index.invalid/simple",
            "--offline",
            "-r",
            "no",
        ],
        os.environ,
        log,
    )
    assert status != 0
    assert "secret" not in log.read_text()
    assert "no" in log_tail(log)


@pytest.mark.parametrize(
    ("output", "offline", "code", "hint"),
    [
        ("error: Hash mismatch for `six==1.17.0`", False, "environment.hash", "pinned"),
        (
            "failed to write: No space left on device (os error 28)",
            False,
            "environment.disk",
            "full",
        ),
        ("error: No interpreter found for Python 3.13", False, "environment.no-python", "--python"),
        ("invalid peer certificate: UnknownIssuer", False, "environment.network", "PIP_CERT"),
        ("dns error: failed to lookup address", False, "environment.network", "PIP_INDEX_URL"),
        (
            "Packages were unavailable because\nthe network connectivity is disabled",
            True,
            "environment.offline",
            "uv's cache",
        ),
        ("  × No solution found when resolving", False, "environment.not-found", "lacks"),
        ("something else", True, "environment.offline", "network"),
        ("something else", False, "environment.build", "log"),
    ],
)
def test_a_failure_gets_its_cause_and_one_thing_to_try(
    output: str, offline: bool, code: str, hint: str
):
    found = judge_failure(output, offline)
    assert found[0] == code
    assert hint in found[1]


def test_the_tail_of_a_log_that_is_not_there(tmp_path: Path):
    assert log_tail(tmp_path / "none") == ""


def test_the_tail_is_of_the_last_command(tmp_path: Path):
    log = tmp_path / "uv.log"
    log.write_text("$ uv venv x\nCreating\n$ uv pip install\n\nerror: one\n  two\n")
    assert log_tail(log) == "error: one\n  two"
    assert log_tail(log, 1) == "  two"
