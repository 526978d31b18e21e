"""Virtual tokens: prompt tuning (Lester et al., 2021) and prefix tuning (Li and Liang, 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.errors import ModelError
from ftcore.models.adapter_folder import chance, write_adapter
from ftcore.models.safetensors_file import TensorReader

if TYPE_CHECKING:
    from ftcore.models.inspect import ModelFacts

EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
KEYS = ".k_proj.weight"


def write_prompt_adapter(
    folder: Path, facts: ModelFacts, *, tokens: int, seed: int, model: Path
) -> Path:
    """Write ``tokens`` virtual tokens [tokens, hidden] that start as embeddings of real ones.

    The real ones are drawn without repetition, which is better than noise (Lester et al., 2021,
    section 3.2). Raises ModelError where the embedding is not found.
    """
    table = TensorReader(model).read(_embedding(facts))
    drawn = chance(seed, 0x9709).choice(len(table), size=tokens, replace=tokens > len(table))
    config = _config(facts, "PROMPT_TUNING", tokens, str(model)) | {
        "prompt_tuning_init": "RANDOM",
        "token_dim": facts.hidden_size,
        "num_attention_heads": facts.heads,
    }
    return write_adapter(folder, {"prompt_embeddings": np.ascontiguousarray(table[drawn])}, config)


def write_prefix_adapter(
    folder: Path, facts: ModelFacts, *, tokens: int, seed: int, model: Path
) -> Path:
    """Write keys and values of ``tokens`` positions, [tokens, layers x 2 x width], from N(0, 1).

    ``width`` is that of one layer's keys. The rule is PEFT's own; there is no projection.
    """
    width = key_width(facts)
    shape = (tokens, facts.layers * 2 * width)
    drawn = chance(seed, 0x9EF1).standard_normal(shape).astype(np.float32)
    config = _config(facts, "PREFIX_TUNING", tokens, str(model)) | {
        "prefix_projection": False,
        "encoder_hidden_size": width,
        "token_dim": width,
        "num_attention_heads": facts.key_value_heads,
    }
    return write_adapter(folder, {"prompt_embeddings": drawn}, config)


def prompt_parameters(facts: ModelFacts, method: str, tokens: int) -> int:
    """Return how many numbers ``tokens`` virtual tokens are."""
    if method == "prefix_tuning":
        return tokens * facts.layers * 2 * key_width(facts)
    return tokens * facts.hidden_size


def key_width(facts: ModelFacts) -> int:
    """Return the width of one layer's keys; ModelError where they have no layer of their own."""
    for name, shape in facts.tensors.items():
        if name.endswith(KEYS):
            return shape[0]
    raise ModelError(
        "prefix tuning needs to know how wide the model's keys are; it has no layer k_proj",
        hint='train another adapter: method = "lora"',
        code="model.no-keys",
    )


def _embedding(facts: ModelFacts) -> str:
    for name, shape in facts.tensors.items():
        if name.endswith(EMBEDDINGS) and len(shape) == 2 and shape[1] == facts.hidden_size:
            return name
    raise ModelError(
        "prompt tuning starts from the model's embeddings, which ft does not find in it",
        hint='train another adapter: method = "lora"',
        code="model.no-embeddings",
    )


def _config(facts: ModelFacts, kind: str, tokens: int, base_model: str) -> dict[str, Any]:
    return {
        "peft_type": kind,
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "inference_mode": True,
        "num_layers": facts.layers,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": tokens,
    }
