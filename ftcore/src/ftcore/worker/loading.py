"""Loads the base model and adapters the same way for every backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftcore.protocol import ModelRef
from ftcore.worker.quantized import dequantized, quantized_loading


def load_base(model: ModelRef, *, device: str = "cpu", dtype: str | None = None) -> Any:
    """Load the base model in ``dtype`` or as the job says.

    It is on the CPU; quantised, on ``device`` ("cpu", "cuda", "mps").
    """
    import torch
    from transformers import AutoModelForCausalLM

    held = dtype or model.dtype
    return AutoModelForCausalLM.from_pretrained(
        model.folder,
        dtype=getattr(torch, held),
        attn_implementation=model.attention,
        trust_remote_code=model.trust_remote_code,
        **quantized_loading(model, held, device),
    )


def train_in_place(network: Any, names: Sequence[str]) -> Any:
    """Make trainable what begins with one of ``names`` ([""]: everything), freeze the rest."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(tuple(names)))
    return network.train()


def without_adapter(model: ModelRef, adapter: str | None) -> tuple[ModelRef, str | None]:
    """Return what stands in an adapter's place as the model itself, where it is a whole model."""
    if adapter is None or not (Path(adapter) / "config.json").exists():
        return model, adapter
    return replace(model, folder=adapter), None


def load_for_generation(
    model: ModelRef, adapter: str | None, device: str, *, dtype: str | None = None
) -> Any:
    """Load the base model, with its adapter if any, in evaluation mode on ``device``.

    ``device`` is torch's name ("auto" was resolved before). A folder with ``config.json`` in the
    place of an adapter is a whole model. Asked for a ``dtype``, a quantised base comes as ordinary
    weights of the quantised values.
    """
    model, adapter = without_adapter(model, adapter)
    network = load_base(model, device=device, dtype=dtype)
    quantized = model.quantization != "none"
    if quantized and dtype is not None:
        network, quantized = dequantized(network), False
    if adapter is not None:
        network = _with_adapter(network, adapter)
    if quantized:
        return network.eval()
    # No gradient is taken here; but for weights that need none torch's bfloat16 linear layers on a
    # CPU take another path, which held 1.7 GB for the head of a 135M model.
    return network.requires_grad_(True).to(device).eval()


def _with_adapter(network: Any, adapter: str) -> Any:
    """Return the model with an adapter that computes in the model's own type.

    So it did under autocast in training. Quantised weights are not cast.
    """
    from peft import PeftModel

    dtype = network.dtype
    adapted = PeftModel.from_pretrained(network, adapter, autocast_adapter_dtype=False)
    for parameter in adapted.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    return adapted


def load_tokenizer(folder: str) -> Any:
    """Load the model's tokenizer as transformers sees it (engines want one; ft renders without)."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)
