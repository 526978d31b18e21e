from pathlib import Path

import pytest

from ftcore.environments.accelerator import Accelerator
from ftcore.environments.torch_source import choose_torch_source
from ftcore.packages.settings import PackageSettings

CPU, CUDA = Accelerator("cpu"), Accelerator("cuda")


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("ftcore.environments.torch_source.platform_tags", lambda: ["linux_x86_64"])


def folder_with(tmp_path: Path, *names: str) -> PackageSettings:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    return PackageSettings({"UV_FIND_LINKS": str(tmp_path)})


def test_no_torch_no_source():
    assert choose_torch_source("", "3.11", CPU, PackageSettings({})).label == "none"


def test_pytorchs_index_by_accelerator():
    plain = PackageSettings({})
    cpu = choose_torch_source("2.13.0", "3.11", CPU, plain)
    assert (cpu.label, cpu.args) == ("pytorch:cpu", ("--torch-backend", "cpu"))
    assert choose_torch_source("2.13.0", "3.11", CUDA, plain).label == "pytorch:auto"


def test_the_users_index_and_the_users_choice():
    mirror = PackageSettings({"UV_DEFAULT_INDEX": "https://mirror.example/simple"})
    assert choose_torch_source("2.13.0", "3.11", CPU, mirror).label == "index"
    chosen = PackageSettings({**mirror.environment, "UV_TORCH_BACKEND": "cu128"})
    assert choose_torch_source("2.13.0", "3.11", CPU, chosen).label == "pytorch:cu128"


def test_macos_takes_the_index(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.platform", "darwin")
    found = choose_torch_source("2.13.0", "3.11", Accelerator("mps"), PackageSettings({}))
    assert found.label == "index"


def test_a_wheel_in_a_find_links_folder(tmp_path: Path):
    settings = folder_with(
        tmp_path,
        "torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl",
        "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl",
        "torch-nonsense.whl",
    )
    found = choose_torch_source("2.13.0", "3.11", CPU, settings)
    assert (found.label, found.requirement) == ("find-links", "torch==2.13.0+cpu")
    assert choose_torch_source("2.13.0", "3.12", CPU, settings).label == "pytorch:cpu"
    assert choose_torch_source("2.13.0", "3.11", CUDA, settings).label == "pytorch:auto"


def test_a_wheel_for_another_machine_is_passed_over(tmp_path: Path):
    settings = folder_with(tmp_path, "torch-2.13.0-cp311-cp311-win_amd64.whl")
    assert choose_torch_source("2.13.0", "3.11", CPU, settings).label == "pytorch:cpu"
