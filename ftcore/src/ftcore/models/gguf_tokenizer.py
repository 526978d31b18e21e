"""A GGUF file's byte-level BPE tokenizer, written as the files of a Hugging Face model folder.

GGUF keeps the vocabulary, the merges and the *name* of the rule that cuts text before merging
(``tokenizer.ggml.pre``), not the rule. For ``smollm`` the original tokenizer isolates every digit
and then cuts as GPT-2 does; transformers 5.23's own GGUF conversion cuts as GPT-2 only. ft follows
the original. As no token of this vocabulary joins an ASCII digit to anything, the two agree on
nearly all text (``Hello world! 123`` is 19556 905 17 216 33 34 35 in both) and differ only where a
digit outside ASCII follows a space.

The files are plain dictionaries written by ft, not by a library, so that their bytes are the same
under every version of ``tokenizers``.
"""

from __future__ import annotations

from typing import Any

from ftcore.models.gguf_llama import GgufLlama

_CONTROL = 3  # tokenizer.ggml.token_type of a special token
_BYTE_LEVEL = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
PRE_TOKENIZERS: dict[str, dict[str, Any]] = {
    "smollm": {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, _BYTE_LEVEL],
    },
    "gpt-2": _BYTE_LEVEL,
}


def tokenizer_json(model: GgufLlama) -> dict[str, Any]:
    """Return the content of ``tokenizer.json``.

    Raises ValueError when the file's tokenizer is not byte-level BPE with a known cutting rule.
    """
    kind, rule = model.value("tokenizer.ggml.model"), model.value("tokenizer.ggml.pre")
    if kind != "gpt2" or rule not in PRE_TOKENIZERS:
        raise ValueError(f"no conversion for the tokenizer {kind!r} with the rule {rule!r}")
    tokens = model.value("tokenizer.ggml.tokens")
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, **entry} for number, entry in _special(model).items()],
        "normalizer": None,
        "pre_tokenizer": PRE_TOKENIZERS[rule],
        "post_processor": None,
        "decoder": _BYTE_LEVEL | {"add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": model.value("tokenizer.ggml.merges"),
        },
    }


def tokenizer_config(model: GgufLlama) -> dict[str, Any]:
    """Return the content of ``tokenizer_config.json``, the chat template included.

    The class is the plain fast tokenizer: a named one (GPT-2's) would rebuild its own cutting rule
    under transformers 5 and lose the digits.
    """
    return {
        "added_tokens_decoder": {str(number): entry for number, entry in _special(model).items()},
        **special_tokens_map(model),
        "chat_template": model.value("tokenizer.chat_template"),
        "clean_up_tokenization_spaces": False,
        "model_max_length": model.value("llama.context_length"),
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def special_tokens_map(model: GgufLlama) -> dict[str, Any]:
    """Return the content of ``special_tokens_map.json``."""
    tokens = model.value("tokenizer.ggml.tokens")
    roles = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
    return {
        f"{role}_token": tokens[model.value(f"tokenizer.ggml.{name}_token_id")]
        for role, name in roles.items()
    }


def _special(model: GgufLlama) -> dict[int, dict[str, Any]]:
    """Return the special tokens by id, as both files describe them."""
    tokens = model.value("tokenizer.ggml.tokens")
    types = model.value("tokenizer.ggml.token_type")
    return {
        number: {
            "content": tokens[number],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for number, kind in enumerate(types)
        if kind == _CONTROL
    }
