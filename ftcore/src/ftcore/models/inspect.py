"""What a model is made of, read from its configuration and weight headers only: no torch."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ftcore.errors import ModelError, Problem, RecipeError
from ftcore.models.safetensors_file import read_header, weight_files

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "BF16": "bfloat16",
    "F16": "float16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I8": "int8",
    "U8": "uint8",
}
# The same setting under the names that model families give it.
_HEADS = ("num_attention_heads", "n_head", "num_heads")
_HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_POSITIONS = ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx")

_IN_LAYER = re.compile(r"\.(?:layers|h|blocks|block)\.\d+\.")
_LAYER_NAME = re.compile(r"((?:.+?\.)?(?:layers|h|blocks|block)\.(\d+))\.")
_HEAD = "lm_head.weight"


@dataclass(frozen=True)
class ModelFacts:
    """A model's facts.

    ``parameters`` counts every weight once (a head tied to the embedding is not counted again);
    ``dtype`` is the type in which most of them are stored; ``tensors`` maps name to shape.
    """

    architecture: str
    parameters: int
    hidden_size: int
    layers: int
    vocab_size: int
    dtype: str
    max_positions: int | None
    heads: int
    key_value_heads: int
    tied_embeddings: bool
    tensors: Mapping[str, tuple[int, ...]]

    def layer_names(self) -> list[str]:
        """Return the names of the decoder's layers, first to last (``model.layers.0``)."""
        found = {
            match[1]: int(match[2]) for name in self.tensors if (match := _LAYER_NAME.match(name))
        }
        return sorted(found, key=lambda name: found[name])

    def linear_modules(self) -> dict[str, tuple[int, int]]:
        """Return the linear layers inside the decoder: module name -> (rows, columns)."""
        return {
            name.removesuffix(".weight"): (shape[0], shape[1])
            for name, shape in self.tensors.items()
            if name.endswith(".weight")
            and len(shape) == 2
            and _IN_LAYER.search(f".{name}")
            and "embed" not in name.rsplit(".", 2)[-2]
        }


def inspect_model(folder: Path) -> ModelFacts:
    """Return the facts of the model in ``folder``.

    Raises ModelError when the configuration or a weight file cannot be read, or lacks what every
    decoder has.
    """
    whole = _read_config(folder)
    text = whole.get("text_config")
    config: Mapping[str, Any] = {**whole, **text} if isinstance(text, dict) else whole
    tensors: dict[str, tuple[int, ...]] = {}
    stored: Counter[str] = Counter()
    for path in weight_files(folder):
        for name, tensor in read_header(path).items():
            tensors[name] = tensor.shape
            stored[tensor.dtype] += tensor.elements
    tied = bool(config.get("tie_word_embeddings", _HEAD not in tensors))
    heads = next((int(config[n]) for n in _HEADS if config.get(n)), 1)
    architectures = whole.get("architectures") or [config.get("model_type", "unknown")]
    kind = stored.most_common(1)[0][0] if stored else ""
    return ModelFacts(
        architecture=str(architectures[0]),
        parameters=sum(_count(s) for name, s in tensors.items() if not (tied and name == _HEAD)),
        hidden_size=_setting(folder, config, _HIDDEN),
        layers=_setting(folder, config, _LAYERS),
        vocab_size=_setting(folder, config, ("vocab_size",)),
        dtype=_DTYPES.get(kind, kind.lower()),
        max_positions=next((int(config[n]) for n in _POSITIONS if config.get(n)), None),
        heads=heads,
        key_value_heads=int(config.get("num_key_value_heads") or heads),
        tied_embeddings=tied,
        tensors=tensors,
    )


def lora_parameters(
    facts: ModelFacts, rank: int, targets: Literal["all-linear"] | list[str]
) -> int:
    """Return the trainable parameters of LoRA of the given rank: rank x (rows + columns) a layer.

    ``targets`` are module-name suffixes (``q_proj``, ``self_attn.q_proj``) or ``"all-linear"``: all
    linear layers of the decoder, without embeddings and head. Source: Hu et al. 2021, section 4.1.
    Raises RecipeError for a target that matches nothing, naming those that exist.
    """
    return sum(rank * sum(shape) for shape in adapted_modules(facts, targets).values())


def adapted_modules(
    facts: ModelFacts, targets: Literal["all-linear"] | list[str]
) -> dict[str, tuple[int, int]]:
    """Return name -> shape of the linear layers that ``targets`` name, in the order of names.

    Raises RecipeError as `lora_parameters` does.
    """
    linear = facts.linear_modules()
    if targets == "all-linear":
        return dict(sorted(linear.items()))
    matches = {
        target: {name for name in linear if f".{name}".endswith(f".{target}")} for target in targets
    }
    unknown = [target for target, names in matches.items() if not names]
    if unknown:
        raise _unknown_targets(unknown, linear)
    return {name: linear[name] for name in sorted(set().union(*matches.values()))}


def _unknown_targets(unknown: list[str], linear: Mapping[str, Any]) -> RecipeError:
    """Return the error for LoRA targets that the model does not have."""
    existing = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in linear}))
    return RecipeError(
        f"The model has no linear layer named {', '.join(unknown)}.",
        hint=f'Those that exist: {existing}; or "all-linear".',
        code="recipe.unknown-target",
        problems=[
            Problem(f"no linear layer ends in {name!r}", field="train.lora.targets", fix=existing)
            for name in unknown
        ],
    )


def _read_config(folder: Path) -> dict[str, Any]:
    """Return ``config.json`` as a dictionary; raises ModelError when it is not one."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder / 'config.json'} cannot be read: {error}.",
            hint="Download or copy the model again.",
            code="model.broken-config",
        ) from error
    if not isinstance(config, dict):
        raise ModelError(
            f"{folder / 'config.json'} is not a JSON object.",
            hint="Download or copy the model again.",
            code="model.broken-config",
        )
    return config


def _setting(folder: Path, config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    """Return the first of ``names`` that ``config`` has, as a whole number."""
    for name in names:
        if isinstance(config.get(name), int):
            return int(config[name])
    raise ModelError(
        f"{folder / 'config.json'} does not state {names[0]}.",
        hint="ft trains decoder language models; is this one?",
        code="model.not-a-decoder",
    )


def _count(shape: tuple[int, ...]) -> int:
    """Return the number of elements of a shape."""
    count = 1
    for size in shape:
        count *= size
    return count
