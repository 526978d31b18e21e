"""The adapters that training starts from: PiSSA, IA3, virtual tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ftcore.errors import ModelError
from ftcore.models.initial_ia3 import ia3_parameters, write_ia3_adapter
from ftcore.models.initial_pissa import largest_singular, write_pissa_adapter
from ftcore.models.initial_prompt import (
    prompt_parameters,
    write_prefix_adapter,
    write_prompt_adapter,
)
from ftcore.models.inspect import inspect_model
from ftcore.models.safetensors_file import TensorReader
from ftcore.protocol import LoraSettings

LORA = LoraSettings(
    rank=3,
    alpha=6,
    dropout=0.0,
    targets=["down_proj", "k_proj"],
    rslora=False,
    dora=False,
    init="pissa",
    plus_ratio=None,
)
Q_ONLY = {"model.layers.0.self_attn.q_proj.weight": (8, 8)}


def read(folder: Path):
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    return load_file(str(folder / "adapter_model.safetensors")), config


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (8, 4), (5, 60)])
@pytest.mark.parametrize("rank", [1, 4])
def test_the_largest_singular_values(shape, rank):
    weight = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    left, values, right = largest_singular(weight, rank, np.random.default_rng(2))
    u, s, vt = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    assert left.dtype == values.dtype == right.dtype == np.float32
    np.testing.assert_allclose(values, s[:rank], rtol=1e-4)
    np.testing.assert_allclose(
        (left * values) @ right, (u[:, :rank] * s[:rank]) @ vt[:rank], atol=1e-3
    )


@pytest.mark.parametrize("rslora", [False, True])
def test_pissa_takes_the_largest_part_of_each_weight(tiny_model, tmp_path, rslora):
    facts, lora = inspect_model(tiny_model), replace(LORA, rslora=rslora)
    tensors, config = read(write_pissa_adapter(tmp_path, facts, lora, seed=1, model=tiny_model))
    assert config["r"] == 3
    assert len(tensors) == 2 * 2 * 2  # two layers, two modules, A and B
    scale = 6 / (np.sqrt(3) if rslora else 3)
    base = load_file(str(tiny_model / "model.safetensors"))
    for name in ("model.layers.1.mlp.down_proj", "model.layers.0.self_attn.k_proj"):
        a = tensors[f"base_model.model.{name}.lora_A.weight"]
        b = tensors[f"base_model.model.{name}.lora_B.weight"]
        u, s, vt = np.linalg.svd(base[f"{name}.weight"])
        best = (u[:, :3] * s[:3]) @ vt[:3]
        np.testing.assert_allclose(scale * b @ a, best, atol=1e-5)


def test_pissa_of_a_rank_beyond_the_layers(tiny_model, tmp_path):
    """k_proj has four rows: the rest of the rank starts at zero."""
    lora = replace(LORA, rank=6, targets=["k_proj"])
    facts = inspect_model(tiny_model)
    tensors, _ = read(write_pissa_adapter(tmp_path, facts, lora, seed=1, model=tiny_model))
    a = tensors["base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight"]
    assert a.shape == (6, 8)
    assert np.any(a[:4])
    assert not np.any(a[4:])


def test_ia3_scales_keys_values_and_the_feed_forward(tiny_model, tmp_path):
    facts = inspect_model(tiny_model)
    tensors, config = read(write_ia3_adapter(tmp_path, facts, base_model="m"))
    assert config["peft_type"] == "IA3"
    assert config["target_modules"] == ["down_proj", "k_proj", "v_proj"]
    assert config["feedforward_modules"] == ["down_proj"]
    layer = "base_model.model.model.layers.0"
    assert tensors[f"{layer}.self_attn.k_proj.ia3_l"].shape == (4, 1)
    assert tensors[f"{layer}.mlp.down_proj.ia3_l"].shape == (1, 16)
    assert all(np.all(factors == 1) for factors in tensors.values())
    assert sum(factors.size for factors in tensors.values()) == ia3_parameters(facts) == 48


def test_ia3_wants_layers_of_their_own(tiny_model):
    facts = replace(inspect_model(tiny_model), tensors=Q_ONLY)
    with pytest.raises(ModelError, match="linear layers are q_proj"):
        ia3_parameters(facts)


def test_a_prompt_starts_as_embeddings(tiny_model, tmp_path):
    facts = inspect_model(tiny_model)
    folder = write_prompt_adapter(tmp_path / "a", facts, tokens=5, seed=3, model=tiny_model)
    tensors, config = read(folder)
    (name, prompt), *rest = tensors.items()
    assert (name, rest) == ("prompt_embeddings", [])
    assert prompt.shape == (5, 8)
    table = load_file(str(tiny_model / "model.safetensors"))["model.embed_tokens.weight"]
    assert all(any(np.array_equal(row, known) for known in table) for row in prompt)
    assert len({row.tobytes() for row in prompt}) == 5
    assert prompt.size == prompt_parameters(facts, "prompt_tuning", 5)
    assert (config["num_virtual_tokens"], config["token_dim"]) == (5, 8)
    again, _ = read(write_prompt_adapter(tmp_path / "b", facts, tokens=5, seed=3, model=tiny_model))
    other, _ = read(write_prompt_adapter(tmp_path / "c", facts, tokens=5, seed=4, model=tiny_model))
    assert np.array_equal(prompt, again[name])
    assert not np.array_equal(prompt, other[name])


def test_a_prefix_has_keys_and_values_of_every_layer(tiny_model, tmp_path):
    facts = inspect_model(tiny_model)
    folder = write_prefix_adapter(tmp_path, facts, tokens=5, seed=3, model=tiny_model)
    tensors, config = read(folder)
    # Two layers, keys and values, one head of four.
    assert tensors["prompt_embeddings"].shape == (5, 2 * 2 * 4)
    assert tensors["prompt_embeddings"].size == prompt_parameters(facts, "prefix_tuning", 5)
    assert (config["num_attention_heads"], config["token_dim"]) == (1, 4)


def test_virtual_tokens_want_what_they_start_from(tiny_model, tmp_path):
    facts = replace(inspect_model(tiny_model), tensors=Q_ONLY)
    with pytest.raises(ModelError, match="k_proj"):
        prompt_parameters(facts, "prefix_tuning", 5)
    with pytest.raises(ModelError, match="embeddings"):
        write_prompt_adapter(tmp_path, facts, tokens=5, seed=3, model=tiny_model)


def test_reading_tensors_of_each_type(tmp_path):
    values = np.array([[1.0, -2.5], [0.15625, 1e-3]], dtype=np.float32)
    save_file({"a": values, "b": values.astype("<f2")}, tmp_path / "model.safetensors")
    reader = TensorReader(tmp_path)
    assert np.array_equal(reader.read("a"), values)
    np.testing.assert_allclose(reader.read("b"), values, rtol=1e-3)
    halved = (values.view("<u4") >> 16).astype("<u2")
    header = {"c": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}
    header["d"] = {"dtype": "U8", "shape": [8], "data_offsets": [8, 16]}
    text = json.dumps(header).encode()
    raw = len(text).to_bytes(8, "little") + text + halved.tobytes() + bytes(8)
    (tmp_path / "model.safetensors").write_bytes(raw)
    reader = TensorReader(tmp_path)
    np.testing.assert_allclose(reader.read("c"), values, rtol=1e-2)
    with pytest.raises(ModelError, match="not plain floating point"):
        reader.read("d")
