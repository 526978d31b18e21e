"""The adapter that training starts from: the layers that the recipe names, and the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ftcore.errors import RecipeError
from ftcore.models.initial_adapter import write_initial_adapter
from ftcore.models.inspect import inspect_model, lora_parameters
from ftcore.protocol import LoraSettings


def adapter(folder: Path, model: Path, targets: list[str], seed: int = 1) -> dict[str, np.ndarray]:
    lora = LoraSettings(4, 8.0, 0.0, targets, False, False, "default", None)
    write_initial_adapter(folder, inspect_model(model), lora, seed=seed, base_model="base")
    return load_file(folder / "adapter_model.safetensors")


@pytest.mark.parametrize("targets", [["q_proj"], ["self_attn.q_proj"], ["q_proj", "mlp.up_proj"]])
def test_every_named_layer_gets_an_adapter(
    tmp_path: Path, tiny_model: Path, targets: list[str]
) -> None:
    made = adapter(tmp_path, tiny_model, targets)
    numbers = sum(tensor.size for tensor in made.values())
    assert numbers == lora_parameters(inspect_model(tiny_model), 4, targets) > 0


def test_b_is_zero_and_a_is_within_kaimings_bound(tmp_path: Path, tiny_model: Path) -> None:
    for name, tensor in adapter(tmp_path, tiny_model, ["q_proj"]).items():
        if "lora_B" in name:
            assert not tensor.any()
        else:
            assert 0 < np.abs(tensor).max() <= 1 / np.sqrt(tensor.shape[1])


def test_the_seed_decides_the_bits(tmp_path: Path, tiny_model: Path) -> None:
    first, again, other = (
        adapter(tmp_path / str(number), tiny_model, ["q_proj"], seed)
        for number, seed in enumerate((1, 1, 2))
    )
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


def test_an_unknown_layer_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    with pytest.raises(RecipeError, match="q_prj"):
        adapter(tmp_path, tiny_model, ["q_prj"])
