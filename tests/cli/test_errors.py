from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import click
import pytest

from ftcore.cli.bug_report import redact, write_bug_report
from ftcore.cli.errors import Terminated, handle
from ftcore.errors import (
    BackendFailed,
    FtError,
    GateFailed,
    PluginError,
    Problem,
    ReceiptMismatch,
    RecipeError,
    RunLocked,
)
from ftcore.launcher import Stopped


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (RecipeError, 2),
        (PluginError, 4),
        (RunLocked, 5),
        (BackendFailed, 1),
        (ReceiptMismatch, 6),
        (GateFailed, 7),
    ],
)
def test_expected_errors(kind: type[FtError], code: int, clean, capsys):
    problem = Problem("is wrong", "a.toml", 3, "train.epochs", "use 2")
    error = kind("what happened", hint="do this", code="some.code", problems=[problem])
    assert handle(error, ["run"]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "error: what happened [some.code]",
        "  - a.toml:3 train.epochs: is wrong (use 2)",
        "hint: do this",
    ]


def test_expected_errors_as_json(clean, capsys):
    assert handle(RecipeError("what", code="some.code"), ["run", "--json"]) == 2
    said = capsys.readouterr()
    data = json.loads(said.out)
    assert (data["code"], data["exit_code"], data["error"]) == ("some.code", 2, "RecipeError")
    assert said.err == ""


def test_debugging_shows_the_traceback(clean, capsys, monkeypatch):
    monkeypatch.setenv("FT_DEBUG", "1")
    handle(RecipeError("what"), ["run"])
    assert "RecipeError: what" in capsys.readouterr().err


def test_the_end_of_the_log_is_shown(clean, capsys):
    details = {"log": "/runs/x/worker.log", "log_tail": [f"line {i}" for i in range(30)]}
    handle(BackendFailed("it broke", details=details), ["run"])
    text = capsys.readouterr().err
    assert "the end of /runs/x/worker.log:" in text
    assert "  | line 29" in text
    assert "line 5\n" not in text


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (Terminated(), 143, "terminated"),
        (Stopped(130, None), 130, "interrupted"),
        (Stopped(143, None), 143, "terminated"),
        (click.Abort(), 130, "interrupted"),
    ],
)
def test_stops(error, code, word, clean, capsys):
    assert handle(error, ["run"]) == code
    assert capsys.readouterr().err == f"{word}\n"
    assert handle(error, ["run", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["exit_code"] == code


def test_click_hides_who_stopped_it(clean):
    abort = click.Abort()
    abort.__cause__ = Terminated()
    assert handle(abort, ["run"]) == 143


@pytest.mark.parametrize(
    ("number", "name"), [(errno.ENOSPC, "machine.disk"), (errno.EACCES, "machine.refused")]
)
def test_what_the_system_refuses_is_no_bug(number, name, clean, capsys):
    assert handle(OSError(number, os.strerror(number), "/some/file"), ["run"]) == 5
    text = capsys.readouterr().err
    assert "/some/file" in text
    assert f"[{name}]" in text
    assert "bug" not in text


def test_a_bug_leaves_a_report(clean, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "a-very-secret-value")
    try:
        {}["missing"]
    except KeyError as error:
        code = handle(error, ["run", "a.toml", "--set", "x=a-very-secret-value"])
    said = capsys.readouterr()
    assert code == 3
    assert "Traceback" not in said.err
    (report,) = (tmp_path / "cache" / "bugs").glob("ft-*.txt")
    assert str(report) in said.err
    text = report.read_text("utf-8")
    assert "KeyError: 'missing'" in text
    assert "command: ft run a.toml --set x=***" in text
    assert "a-very-secret-value" not in text
    assert "click" in text


def test_a_bug_as_json(clean, capsys):
    assert handle(ZeroDivisionError("by zero"), ["run", "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert data["code"] == "bug"
    assert data["details"]["report"].endswith(".txt")


def test_a_bug_report_finds_a_place(clean, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "file" / "cache"))
    path = write_bug_report(ValueError("x"), [])
    assert path.read_text("utf-8").startswith("ft ")
    path.unlink()


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("https://user:pass@host/simple", "pass@"),
        ("--set backend.x.api_key=abc123", "abc123"),
        ("HF_TOKEN: hunter2!", "hunter2"),
        ("hf_AbCdEfGhIjKlMnOpQr", "hf_AbCdEfGhIjKl"),
    ],
)
def test_redaction(text, secret):
    assert secret not in redact(text, {})


def test_redaction_leaves_ordinary_words():
    text = "ft run a.toml --set data.max_length=512 --seed 1"
    assert redact(text, {"SOME_TOKEN": "1"}) == text


def test_a_reader_that_leaves_is_no_error():
    command = f"{sys.executable} -m ftcore recipe schema | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "{"


def test_plugins_add_hints(clean, capsys, monkeypatch):
    class Plugins:
        def error_hints(self, error):
            return [f"for {error.code}: call Anna"]

    monkeypatch.setattr("ftcore.plugins.load_plugins", Plugins)
    handle(RecipeError("what", code="some.code"), ["run"])
    assert "hint: for some.code: call Anna\n" in capsys.readouterr().err


def test_a_broken_hint_hides_nothing(clean, capsys, monkeypatch):
    def broken():
        raise RuntimeError

    monkeypatch.setattr("ftcore.plugins.load_plugins", broken)
    assert handle(RecipeError("what"), ["run"]) == 2
    assert "error: what" in capsys.readouterr().err
