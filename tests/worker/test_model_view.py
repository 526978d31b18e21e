from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ftcore.protocol import ModelRef
from ftcore.worker.model_view import model_view


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> ModelRef:
    """A copy of the tiny model that names code of its own, trusted."""
    folder = tmp_path / "model"
    folder.mkdir()
    for source in tiny_model.iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    for name in ("config.json", "tokenizer_config.json"):
        data = json.loads((folder / name).read_text("utf-8"))
        data["auto_map"] = {"AutoModelForCausalLM": "code.Net"}
        (folder / name).write_text(json.dumps(data), encoding="utf-8")
    return ModelRef(str(folder), "float32", "sdpa", trust_remote_code=True)


def test_a_model_that_says_what_the_job_says_is_taken_as_it_is(model: ModelRef, tmp_path: Path):
    assert model_view(model, tmp_path / "view") == Path(model.folder)
    assert not (tmp_path / "view").exists()


def test_another_type_is_shown_without_copying_weights(model: ModelRef, tmp_path: Path):
    view = model_view(replace(model, dtype="bfloat16"), tmp_path / "view")
    config = json.loads((view / "config.json").read_text("utf-8"))
    assert config["dtype"] == "bfloat16"
    assert "torch_dtype" not in config
    assert (view / "model.safetensors").is_symlink()
    assert (view / "model.safetensors").stat().st_size > 0
    names = {path.name for path in Path(model.folder).iterdir()}
    assert {path.name for path in view.iterdir()} == names


def test_code_that_is_not_trusted_is_not_named(model: ModelRef, tmp_path: Path):
    distrusted = replace(model, trust_remote_code=False)
    for _ in range(2):  # a second time over what is there
        view = model_view(distrusted, tmp_path / "view")
        for name in ("config.json", "tokenizer_config.json"):
            assert "auto_map" not in json.loads((view / name).read_text("utf-8"))
            assert "auto_map" in json.loads((Path(model.folder) / name).read_text("utf-8"))


def test_a_model_without_a_tokenizers_configuration(model: ModelRef, tmp_path: Path):
    (Path(model.folder) / "tokenizer_config.json").unlink()
    view = model_view(replace(model, dtype="float16"), tmp_path / "view")
    assert not (view / "tokenizer_config.json").exists()
