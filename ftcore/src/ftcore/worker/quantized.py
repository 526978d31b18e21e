"""Holds the frozen weights in 8 or 4 bits with bitsandbytes, the same way for every backend.

4 bits are QLoRA's (Dettmers et al., 2023): NF4, the scales quantised too. 8 bits are LLM.int8()'s
(Dettmers et al., 2022). Embeddings, norms and the head stay as they are.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from ftcore.protocol import ModelRef

KIND, DOUBLE = "nf4", True
LAYERS = {"Linear4bit": "4bit", "Linear8bitLt": "8bit"}


def quantized_loading(model: ModelRef, dtype: str, device: str) -> dict[str, Any]:
    """Return what `from_pretrained` is told besides: nothing where nothing is quantised."""
    config = quantization_config(model, dtype)
    if config is None:
        return {}
    return {"quantization_config": config, "device_map": {"": own_device(device)}}


def quantization_config(model: ModelRef, dtype: str) -> Any:
    """Return transformers' configuration, arithmetic in ``dtype``; None where none is needed."""
    if model.quantization == "none":
        return None
    import torch
    from transformers import BitsAndBytesConfig

    # Said at every call of every layer.
    warnings.filterwarnings("ignore", message="MatMul8bitLt: inputs will be cast")
    if model.quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=KIND,
        bnb_4bit_use_double_quant=DOUBLE,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )


def own_device(device: str) -> str:
    """Return the device of this process: weights are quantised where they will be."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device


def quantization_used(network: Any) -> str:
    """Return how the linear layers of a model are held, as the recipe would name it."""
    found = {LAYERS.get(type(module).__name__, "none") for module in network.modules()}
    return ", ".join(sorted(found - {"none"})) or "none"


def dequantized(network: Any) -> Any:
    """Return the model with ordinary layers that hold the quantised values: what was trained on."""
    dtype = network.dtype
    network = network.dequantize().to(dtype)
    network.config.__dict__.pop("quantization_config", None)
    return network
