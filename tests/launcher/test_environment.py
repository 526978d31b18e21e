from __future__ import annotations

from pathlib import Path

import pytest

from ftcore.launcher import worker_environment


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PYTHONWARNINGS",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "HF_TOKEN_PATH",
        "MODELSCOPE_API_TOKEN",
        "WANDB_API_KEY",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "GITHUB_TOKEN",
        "UV_INDEX_HOUSE_PASSWORD",
        "my_secret",
        "HF_HUB_CACHE",
        "HF_DATASETS_CACHE",
        "TRANSFORMERS_CACHE",
        "TORCH_HOME",
        "XDG_DATA_HOME",
    ],
)
def test_what_a_worker_must_not_inherit(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv(name, "sentinel-value")
    assert "sentinel-value" not in worker_environment(tmp_path, None).values()


@pytest.mark.parametrize(
    "name", ["PATH", "LANG", "https_proxy", "NO_PROXY", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"]
)
def test_what_it_needs_is_passed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv(name, "sentinel-value")
    assert worker_environment(tmp_path, None)[name] == "sentinel-value"


def test_homes_and_hubs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    home = tmp_path / "deep" / "home"
    found = worker_environment(home, None)
    assert home.is_dir()
    assert found["HOME"] == str(home)
    for name in ("XDG_CACHE_HOME", "HF_HOME", "MPLCONFIGDIR", "MODELSCOPE_CACHE"):
        assert Path(found[name]).is_relative_to(home)
    assert {found[name] for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")} == {"1"}
    assert found["TOKENIZERS_PARALLELISM"] == "false"


def test_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert worker_environment(tmp_path, 3)["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in worker_environment(tmp_path, None)
