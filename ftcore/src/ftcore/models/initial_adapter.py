"""Makes the adapter that training starts from, so that every engine starts from the same bits.

PEFT's default: A is drawn by Kaiming's uniform rule with a = sqrt(5), which is U(-b, b) with
b = 1/sqrt(inputs); B is zero, so the adapted model starts as the base model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore.models.adapter_folder import chance, write_adapter
from ftcore.models.inspect import adapted_modules

if TYPE_CHECKING:
    from ftcore.models.inspect import ModelFacts
    from ftcore.protocol import LoraSettings


def write_initial_adapter(
    folder: Path, facts: ModelFacts, lora: LoraSettings, *, seed: int, base_model: str
) -> Path:
    """Write the adapter into ``folder``.

    Every linear layer that ``lora.targets`` name (see `adapted_modules`) gets A [rank, inputs] and
    B [outputs, rank].
    """
    generator = chance(seed, 0xADA)
    tensors: dict[str, np.ndarray] = {}
    for name, (outputs, inputs) in adapted_modules(facts, lora.targets).items():
        bound = 1 / np.sqrt(inputs)
        start = f"base_model.model.{name}"
        drawn = generator.uniform(-bound, bound, size=(lora.rank, inputs))
        tensors[f"{start}.lora_A.weight"] = drawn.astype(np.float32)
        tensors[f"{start}.lora_B.weight"] = np.zeros((outputs, lora.rank), dtype=np.float32)
    return write_adapter(folder, tensors, adapter_config(lora, base_model))


def adapter_config(lora: LoraSettings, base_model: str) -> dict[str, object]:
    """Return PEFT's configuration of the adapter; keys as in `peft.LoraConfig`."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": lora.targets,
        "use_rslora": lora.rslora,
        "use_dora": lora.dora,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
    }
