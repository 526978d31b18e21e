from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftcore.errors import ModelError
from ftcore.rendering.tokenizer import added_token_texts, load_tokenizer
from tests.rendering.families import FAMILIES, write_model_folder


def test_truncation_and_padding_of_the_file_are_switched_off(tmp_path: Path, byte_level) -> None:
    folder = write_model_folder(tmp_path, byte_level, FAMILIES["chatml"])
    data = json.loads((folder / "tokenizer.json").read_text())
    data["truncation"] = {
        "direction": "Right",
        "max_length": 2,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    (folder / "tokenizer.json").write_text(json.dumps(data))
    assert len(load_tokenizer(folder).encode("the answer is a short text about Paris")) > 2


def test_tokens_declared_only_in_the_configuration_are_added(tmp_path: Path, byte_level) -> None:
    folder = write_model_folder(tmp_path, byte_level, FAMILIES["chatml"])
    path = folder / "tokenizer_config.json"
    size = load_tokenizer(folder).get_vocab_size()
    entry = {"content": "<|new|>", "lstrip": False, "normalized": False, "special": True}
    path.write_text(json.dumps({"added_tokens_decoder": {str(size): entry}}))
    tokenizer = load_tokenizer(folder)
    assert tokenizer.encode("a<|new|>", add_special_tokens=False).ids[-1] == size
    assert "<|new|>" in added_token_texts(tokenizer)
    path.write_text(json.dumps({"added_tokens_decoder": {"5": entry}}))
    with pytest.raises(ModelError, match="the id 5"):
        load_tokenizer(folder)


def test_longest_added_token_comes_first(tmp_path: Path, byte_level) -> None:
    folder = write_model_folder(tmp_path, byte_level, FAMILIES["phi3"])
    lengths = [len(text) for text in added_token_texts(load_tokenizer(folder))]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("text", "code"), [(None, "model.no-tokenizer"), ("{", "model.broken-file")]
)
def test_missing_or_damaged_file(tmp_path: Path, text: str | None, code: str) -> None:
    if text is not None:
        (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(ModelError) as caught:
        load_tokenizer(tmp_path)
    assert caught.value.code == code
    assert caught.value.hint
