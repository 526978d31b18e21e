"""Writes an adapter as PEFT stores it: its tensors and its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_adapter(
    folder: Path, tensors: Mapping[str, NDArray[np.float32]], config: Mapping[str, Any]
) -> Path:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors`` (float32) into ``folder``."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / "adapter_model.safetensors", metadata={"format": "pt"})
    text = json.dumps(config, indent=2)
    (folder / "adapter_config.json").write_text(text + "\n", encoding="utf-8")
    return folder


def chance(seed: int, purpose: int) -> np.random.Generator:
    """Return the random numbers of an adapter: the same for the same seed and purpose."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, purpose])))
