"""A small tokenizer with ChatML, trained here, and rows to render with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from ftcore.data.formats import FormatOptions
from ftcore.data.portion import Portion, open_portion
from ftcore.data.rows import Row, Source, content_hash
from ftcore.data.stored_stream import Stream
from ftcore.data.stream import build_stream
from ftcore.data.write import write_rows
from ftcore.rendering.messages import Message
from ftcore.rendering.renderer import Renderer, RenderOptions

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CORPUS = ["the quick brown fox jumps over the lazy dog", "问题和回答", "user assistant system"]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a byte-level tokenizer and the ChatML template."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"chat_template": CHATML, "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def make_renderer(model_folder: Path) -> Callable[..., Renderer]:
    """A function from render options to a renderer."""

    def make(**options: Any) -> Renderer:
        return Renderer.from_folder(model_folder, RenderOptions(**options))

    return make


@pytest.fixture(scope="session")
def make_row() -> Callable[..., Row]:
    """A function from a question, an answer, a line and fields to a row."""

    def make(question: str, answer: str, line: int = 1, **fields: Any) -> Row:
        messages = (Message("user", question), Message("assistant", answer))
        return Row(content_hash(messages), messages, Source("rows.jsonl", line), fields)

    return make


@pytest.fixture(scope="session")
def open_rows() -> Callable[..., Portion]:
    """A function that opens files of rows as a portion."""

    def make(base: Path, *sources: Any, part: str = "train", format: str = "auto") -> Portion:
        options = FormatOptions()
        return open_portion(part, list(sources), base=base, format=format, options=options)

    return make


@pytest.fixture
def build(tmp_path: Path, open_rows: Callable[..., Portion]) -> Callable[..., Stream]:
    """A function that writes the rows of parts to files and builds their stream below tmp_path."""

    def make(
        parts: dict[str, list[Row]], renderer: Renderer, cache: Path = tmp_path, **options: Any
    ) -> Stream:
        portions = []
        for part, rows in parts.items():
            write_rows(rows, tmp_path / f"{part}.jsonl")
            portions.append(open_rows(tmp_path, f"{part}.jsonl", part=part))
        return build_stream(portions, renderer, cache=cache, **options).stream

    return make
