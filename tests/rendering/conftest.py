from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import ByteLevel as ByteLevelPost

from ftcore.rendering.options import RenderOptions
from ftcore.rendering.renderer import Renderer
from tests.rendering.families import FAMILIES, write_model_folder

WORDS = """
    the answer is a short text about Paris and the river with questions assistant user system
    You are helpful named trained by think INST SYS employees SELECT name FROM where 42
""".split()  # noqa: SIM905 - a list of words reads worse
OTHER = ("naïve café", "東京 の 天気", "你好，世界", "Привет мир", "🙂👍🏽", "e\u0301")


def _corpus() -> list[str]:
    chance = random.Random(7)
    lines = [" ".join(chance.choices(WORDS, k=12)) for _ in range(400)]
    return [*lines, *(f"{line}\n{other}" for line in lines[:40] for other in OTHER)]


@pytest.fixture(scope="session")
def byte_level() -> Tokenizer:
    """A byte-level BPE as GPT-2, Llama-3 and SmolLM2 have, with trimmed offsets."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = ByteLevelPost(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    return tokenizer


BYTES = [f"<0x{number:02X}>" for number in range(256)]


@pytest.fixture(scope="session")
def byte_fallback() -> Tokenizer:
    """A sentencepiece-style BPE as Llama-2 has: a space mark put in front, bytes as fallback."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<unk>", *BYTES],
        limit_alphabet=80,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    return _without_added_bytes(tokenizer)


@pytest.fixture(scope="session")
def metaspace() -> Tokenizer:
    """A unigram model behind a Metaspace pre-tokenizer, with bytes as fallback."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")]
    )
    trainer = trainers.UnigramTrainer(
        vocab_size=700, special_tokens=["<unk>", *BYTES], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator([line for line in _corpus() if line.isascii()], trainer)
    return _without_added_bytes(tokenizer, byte_fallback=True)


def _without_added_bytes(tokenizer: Tokenizer, **model: bool) -> Tokenizer:
    """Leave the byte tokens to the model alone: as added tokens they would match plain text."""
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if token["id"] == 0]
    data["model"].update(model)
    return Tokenizer.from_str(json.dumps(data))


@pytest.fixture(scope="session")
def tokenizers_by_name(
    byte_level: Tokenizer, byte_fallback: Tokenizer, metaspace: Tokenizer
) -> dict[str, Tokenizer]:
    return {"byte_level": byte_level, "byte_fallback": byte_fallback, "metaspace": metaspace}


@pytest.fixture(scope="session")
def folders(
    tmp_path_factory: pytest.TempPathFactory, tokenizers_by_name: dict[str, Tokenizer]
) -> dict[tuple[str, str], Path]:
    """Model folders by (family, tokenizer)."""
    root = tmp_path_factory.mktemp("models")
    return {
        (family.name, name): write_model_folder(root / name / family.name, tokenizer, family)
        for family in FAMILIES.values()
        for name, tokenizer in tokenizers_by_name.items()
    }


@pytest.fixture(scope="session")
def renderers(folders: dict[tuple[str, str], Path]) -> dict[tuple[str, str], Renderer]:
    """Renderers with default options by (family, tokenizer)."""
    return {key: Renderer.from_folder(folder) for key, folder in folders.items()}


@pytest.fixture
def chatml(folders: dict[tuple[str, str], Path]):
    """Make a renderer of the plain family with the given options."""

    def make(**options: object) -> Renderer:
        return Renderer.from_folder(folders["chatml", "byte_level"], RenderOptions(**options))

    return make
