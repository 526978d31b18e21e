"""A Llama GGUF file's weights and settings, said in the words of a Hugging Face model folder.

No torch and no transformers: the ``gguf`` package reads the file and undoes the quantisation, in
float32. The tensors equal, bit for bit, those of
``AutoModelForCausalLM.from_pretrained(folder, gguf_file=...)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class GgufLlama:
    """A GGUF file of the ``llama`` architecture; opening it maps it into memory.

    Raises ValueError when the file holds another architecture.
    """

    def __init__(self, path: Path) -> None:
        from gguf import GGUFReader

        self._reader = GGUFReader(path)
        self._tensors = {hf_name(tensor.name): tensor for tensor in self._reader.tensors}
        if self.value("general.architecture") != "llama":
            raise ValueError(f"{path} holds a {self.value('general.architecture')}, not a llama")

    def value(self, key: str, default: Any = None) -> Any:
        """Return the metadata value of ``key``: a string, a number, a truth value, or a list."""
        field = self._reader.get_field(key)
        return default if field is None else field.contents()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor by its Hugging Face name, sorted by name."""
        # GGUF states the fastest axis first.
        return {
            name: tuple(int(size) for size in reversed(self._tensors[name].shape.tolist()))
            for name in sorted(self._tensors)
        }

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and float32 array of every tensor, sorted by name, one at a time."""
        import numpy as np
        from gguf.quants import dequantize

        heads = {
            "self_attn.q_proj.weight": self.value("llama.attention.head_count"),
            "self_attn.k_proj.weight": self.value("llama.attention.head_count_kv"),
        }
        for name, shape in self.shapes.items():
            tensor = self._tensors[name]
            array = dequantize(tensor.data, tensor.tensor_type).reshape(shape)
            count = next((n for suffix, n in heads.items() if name.endswith(suffix)), None)
            if count:
                array = unpermute(array, count)
            yield name, np.ascontiguousarray(array, dtype="<f4")

    def config(self) -> dict[str, Any]:
        """Return the content of ``config.json``, readable by transformers 4 and 5."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": self.value("tokenizer.ggml.bos_token_id"),
            "dtype": "float32",
            "eos_token_id": self.value("tokenizer.ggml.eos_token_id"),
            "head_dim": self.value("llama.rope.dimension_count"),
            "hidden_act": "silu",
            "hidden_size": self.value("llama.embedding_length"),
            "initializer_range": self.value("llama.embedding_length") ** -0.5,
            "intermediate_size": self.value("llama.feed_forward_length"),
            "max_position_embeddings": self.value("llama.context_length"),
            "mlp_bias": False,
            "model_type": "llama",
            "num_attention_heads": self.value("llama.attention.head_count"),
            "num_hidden_layers": self.value("llama.block_count"),
            "num_key_value_heads": self.value("llama.attention.head_count_kv"),
            "pad_token_id": self.value("tokenizer.ggml.padding_token_id"),
            "pretraining_tp": 1,
            "rms_norm_eps": shortest(self.value("llama.attention.layer_norm_rms_epsilon")),
            "rope_scaling": None,
            "rope_theta": shortest(self.value("llama.rope.freq_base")),
            "tie_word_embeddings": "lm_head.weight" not in self._tensors,
            "torch_dtype": "float32",
            "use_cache": True,
            "vocab_size": self.value("llama.vocab_size"),
        }

    def generation_config(self) -> dict[str, Any]:
        """Return the content of ``generation_config.json``."""
        config = self.config()
        return {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}


def hf_name(name: str) -> str:
    """Return the Hugging Face name of a GGUF tensor (``blk.0.attn_q.weight``).

    Raises KeyError for a tensor that a Llama does not have.
    """
    stem, _, kind = name.rpartition(".")
    if stem in _OUTER:
        return f"{_OUTER[stem]}.{kind}"
    _, layer, part = stem.split(".", 2)
    return f"model.layers.{layer}.{_LAYER[part]}.{kind}"


def unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Undo llama.cpp's reordering of the rows of a query or key projection.

    Rotary position embedding turns pairs of rows. Hugging Face pairs row i of a head with row
    i + d/2, llama.cpp pairs neighbours: within each head its rows are (0, d/2, 1, d/2 + 1, ...).
    ``weight`` is (heads * d, hidden).
    """
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def shortest(value: float) -> float:
    """Return the shortest decimal that is the same float32: 1e-05 for 9.999999747378752e-06.

    GGUF stores float32; the original configuration said the short number, and both give the same
    bits in a float32 computation.
    """
    import numpy as np

    return float(str(np.float32(value)))
