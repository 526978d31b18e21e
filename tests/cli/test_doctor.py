from __future__ import annotations

import shutil

from ftcore.engine.doctor import run_checks
from ftcore.plugins import Plugins


def test_a_machine_in_order(ft, toy):
    said = ft("doctor")
    assert said.code == 0, said.out
    for name in ("python", "uv", "cache", "memory", "packages from", "accelerator", "plugin"):
        assert f"  {name} " in said.out
    data = ft("doctor", "--json").data
    assert data["ok"]
    assert {check["state"] for check in data["checks"]} <= {"ok", "warn"}


def test_secrets_are_not_shown(ft, toy, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://me:hunter2@mirror.example/simple")
    said = ft("doctor")
    assert "mirror.example" in said.out
    assert "hunter2" not in said.out


def test_too_little_disk(ft, toy, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    said = ft("doctor")
    assert said.code == 7
    assert "FAIL  cache" in said.out
    assert "checks failed: cache" in said.refused(7)
    assert ft("doctor", "--json").data["ok"] is False


def test_no_plugin_at_all(clean):
    (check,) = [check for check in run_checks(Plugins()) if check.name == "plugins"]
    assert check.state == "fail"
    assert "no backend" in check.detail


def test_one_broken_check_does_not_hide_the_others(clean, monkeypatch):
    monkeypatch.setenv("FT_DEVICE", "tpu")
    found = {check.name: check for check in run_checks(Plugins())}
    assert found["unsupported.device"].state == "fail"
    assert "model" in found
