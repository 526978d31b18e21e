"""Loads the base model and adapters the same way for every backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftcore.protocol import ModelRef


def load_base(model: ModelRef, *, dtype: str | None = None) -> Any:
    """Load the base model on the CPU, in ``dtype`` or as the job says."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        model.folder,
        dtype=getattr(torch, dtype or model.dtype),
        attn_implementation=model.attention,
        trust_remote_code=model.trust_remote_code,
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
    place of an adapter is a whole model.
    """
    model, adapter = without_adapter(model, adapter)
    network = load_base(model, dtype=dtype)
    if adapter is not None:
        from peft import PeftModel

        # The adapter computes in the model's own type, as it did under autocast in training.
        network = PeftModel.from_pretrained(network, adapter, autocast_adapter_dtype=False)
        network = network.to(network.get_base_model().dtype)
    # No gradient is taken here; but for weights that need none torch's bfloat16 linear layers on a
    # CPU take another path, which held 1.7 GB for the head of a 135M model.
    return network.requires_grad_(True).to(device).eval()


def load_tokenizer(folder: str) -> Any:
    """Load the model's tokenizer as transformers sees it (engines want one; ft renders without)."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)
