"""PiSSA in the worker: the base without the initial adapter, and an adapter for the whole base."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def take_out(network: Any, initial: Path) -> None:
    """Subtract what the initial adapter adds from the base weights of the adapted ``network``.

    The adapted model then starts as the base model (Meng et al., 2024, equation 5).
    """
    import torch
    from safetensors.torch import load_file

    config = json.loads((initial / CONFIG).read_text(encoding="utf-8"))
    tensors, scale = load_file(str(initial / WEIGHTS)), _scale(config)
    base = dict(network.get_base_model().named_parameters())
    with torch.no_grad():
        for key in [name for name in tensors if name.endswith(".lora_A.weight")]:
            start = key.removesuffix(".lora_A.weight")
            weight = base[f"{start.removeprefix('base_model.model.')}.base_layer.weight"]
            update = scale * (tensors[f"{start}.lora_B.weight"] @ tensors[key])
            weight.sub_(update.to(weight.device, weight.dtype))


def onto_the_base(adapter: Path, initial: Path) -> None:
    """Rewrite a trained ``adapter`` as one for the unchanged base, of twice the rank.

    s B A - s B0 A0 = s [B, -B0] [A; A0]: what training changed, since the initial adapter was taken
    out of the base. The result is plain LoRA, which any tool loads and merges.
    """
    import torch
    from safetensors.torch import load_file, save_file

    trained, start = load_file(str(adapter / WEIGHTS)), load_file(str(initial / WEIGHTS))
    config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    made = {
        key: torch.cat([value, start[key]], dim=0)
        if key.endswith(".lora_A.weight")
        else torch.cat([value, -start[key]], dim=1)
        for key, value in trained.items()
    }
    scale, config["r"] = _scale(config), 2 * config["r"]
    config["lora_alpha"] = scale * (math.sqrt(config["r"]) if config["use_rslora"] else config["r"])
    config["init_lora_weights"] = True
    save_file(
        {key: value.contiguous() for key, value in made.items()},
        str(adapter / WEIGHTS),
        metadata={"format": "pt"},
    )
    (adapter / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _scale(config: dict[str, Any]) -> float:
    rank = config["r"]
    return float(config["lora_alpha"] / (math.sqrt(rank) if config["use_rslora"] else rank))
