import ctypes
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from ftcore.environments.accelerator import Accelerator, detect_accelerator
from ftcore.errors import UnsupportedError


@pytest.fixture(autouse=True)
def bare_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine without driver, whatever this one has."""

    def none(name: str) -> None:
        raise OSError(name)

    monkeypatch.delenv("FT_DEVICE", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(ctypes, "CDLL", none)


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 570.86.15'\n")
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(program))


def test_a_bare_machine_has_its_cpu():
    assert detect_accelerator() == Accelerator("cpu")


def test_nvidia_smi_tells_device_and_driver(smi: None):
    assert detect_accelerator() == Accelerator("cuda", "NVIDIA H200, driver 570.86.15")
    assert detect_accelerator("cpu") == Accelerator("cpu")


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_device_is_none(smi: None, hidden: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert detect_accelerator().kind == "cpu"


def test_a_broken_nvidia_smi_is_none(smi: None, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(9, "nvidia-smi")

    monkeypatch.setattr(subprocess, "run", fail)
    assert detect_accelerator().kind == "cpu"


def test_the_drivers_library_is_asked_too(monkeypatch: pytest.MonkeyPatch):
    def set_to(value: int):
        def call(pointer: object) -> int:
            pointer._obj.value = value  # type: ignore[attr-defined]
            return 0

        return call

    driver = SimpleNamespace(
        cuInit=lambda flags: 0, cuDeviceGetCount=set_to(1), cuDriverGetVersion=set_to(12080)
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    assert detect_accelerator() == Accelerator("cuda", "CUDA 12.8")


def test_apple_silicon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert detect_accelerator().kind == "mps"


def test_the_variable_decides_for_auto(smi: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FT_DEVICE", "cpu")
    assert detect_accelerator().kind == "cpu"
    assert detect_accelerator("cuda").kind == "cuda"


@pytest.mark.parametrize(("device", "text"), [("cuda", "has cpu only"), ("tpu", "Unknown device")])
def test_a_device_that_is_not_there_is_refused(device: str, text: str):
    with pytest.raises(UnsupportedError, match=text) as caught:
        detect_accelerator(device)
    assert caught.value.hint
