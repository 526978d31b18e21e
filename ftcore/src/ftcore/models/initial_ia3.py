"""IA3 (Liu et al., 2022): learned factors on keys, values and the feed-forward's inner activation.

All factors start at one, so the adapted model starts as the base model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore.errors import ModelError
from ftcore.models.adapter_folder import write_adapter

if TYPE_CHECKING:
    from ftcore.models.inspect import ModelFacts

# Names that model families give to keys and values, and to what follows the inner activation.
SCALED_OUTPUT = ("k_proj", "v_proj")
SCALED_INPUT = ("down_proj", "fc2")


def write_ia3_adapter(folder: Path, facts: ModelFacts, *, base_model: str) -> Path:
    """Write the adapter: outputs of keys and values [outputs, 1], inputs of the rest [1, inputs].

    Raises ModelError as `ia3_modules` does.
    """
    tensors = {
        f"base_model.model.{name}.ia3_l": np.ones(shape, dtype=np.float32)
        for name, shape in ia3_modules(facts).items()
    }
    kinds = {name.rsplit(".", 1)[-1] for name in ia3_modules(facts)}
    config = {
        "peft_type": "IA3",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "target_modules": sorted(kinds),
        "feedforward_modules": sorted(kinds & set(SCALED_INPUT)),
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_ia3_weights": True,
    }
    return write_adapter(folder, tensors, config)


def ia3_parameters(facts: ModelFacts) -> int:
    """Return how many factors IA3 trains; raises ModelError as `ia3_modules` does."""
    return sum(max(shape) for shape in ia3_modules(facts).values())


def ia3_modules(facts: ModelFacts) -> dict[str, tuple[int, int]]:
    """Return the layers that IA3 scales, with the shape of each one's factors.

    Raises ModelError for a model whose keys, values and feed-forward have no layers of their own.
    """
    found: dict[str, tuple[int, int]] = {}
    kinds = set()
    for name, (outputs, inputs) in sorted(facts.linear_modules().items()):
        kind = name.rsplit(".", 1)[-1]
        kinds.add(kind)
        if kind in SCALED_OUTPUT:
            found[name] = (outputs, 1)
        elif kind in SCALED_INPUT:
            found[name] = (1, inputs)
    if not (kinds.issuperset(SCALED_OUTPUT) and kinds & set(SCALED_INPUT)):
        raise ModelError(
            "IA3 scales keys, values and the feed-forward layer; this model's linear layers are "
            f"{', '.join(sorted(kinds))}",
            hint='train another adapter: method = "lora"',
            code="model.no-ia3-layers",
        )
    return found
