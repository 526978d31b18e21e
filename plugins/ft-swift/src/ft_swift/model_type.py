"""The name under which ms-swift knows a model's architecture; the folder's name says nothing."""

from __future__ import annotations

import json
from pathlib import Path

from swift.model import MODEL_MAPPING, ModelMeta
from swift.model.model_meta import get_matched_model_types

from ftcore.errors import UnsupportedError


def model_type(folder: Path) -> str:
    """Return ms-swift's model type for the model in ``folder``, from its own registry.

    Several types share an architecture and differ in their chat template, which is not used here:
    the one named as in transformers is taken, else the first that loads a plain language model.
    Raises `UnsupportedError` for an architecture that ms-swift does not know as one.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    found = [name for name in get_matched_model_types(config.get("architectures")) if _text(name)]
    if config.get("model_type") in found:
        return str(config["model_type"])
    if found:
        return str(found[0])
    architecture = ", ".join(config.get("architectures") or ["none"])
    raise UnsupportedError(
        f"ms-swift knows no language model of the architecture {architecture}",
        hint="train it with another backend: --backend trl",
        code="unsupported.architecture",
    )


def _text(name: str) -> bool:
    meta: ModelMeta = MODEL_MAPPING[name]
    return not (meta.is_multimodal or meta.is_reward) and meta.task_type in (None, "causal_lm")
