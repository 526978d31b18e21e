"""Plain documents: the tokenizer's own ids, the end of text behind, every token learnt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from ftcore.errors import ModelError
from ftcore.rendering.messages import Message
from ftcore.rendering.options import RenderOptions
from ftcore.rendering.preview import Segment, preview_segments
from ftcore.rendering.renderer import Renderer

TEXT = "  the river\nand Paris 你好 🙂"


def model(folder: Path, tokenizer: Tokenizer, processor: str | None, **names: str) -> Path:
    """Write a base model's folder: no chat template."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.add_special_tokens(["<s>", "</s>"])
    if processor:
        ids = [(token, copy.token_to_id(token)) for token in ("<s>", "</s>")]
        copy.post_processor = TemplateProcessing(single=processor, special_tokens=ids)
    folder.mkdir()
    copy.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", **names}))
    return folder


@pytest.fixture(params=["byte_level", "byte_fallback", "metaspace"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("processor", [None, "<s> $A", "<s> $A </s>"])
@pytest.mark.parametrize("text", [TEXT, "a", " \n a \n ", f"{TEXT}</s>"])
def test_ids_and_labels(tmp_path: Path, tokenizer: Tokenizer, processor, text: str) -> None:
    folder = model(tmp_path / "m", tokenizer, processor, eos_token="</s>")
    renderer = Renderer.from_folder(folder, documents=True)
    rendered = renderer.render([Message("assistant", text)])
    own = renderer.tokenizer.encode(text.removesuffix("</s>")).ids
    end = renderer.tokenizer.token_to_id("</s>")
    expected = own if own[-1] == end else [*own, end]
    assert rendered.input_ids.tolist() == expected
    start = 1 if processor else 0
    assert rendered.labels.tolist() == [-100] * start + expected[start:]
    assert (rendered.status, rendered.boundary) == ("kept", 0)
    assert rendered.supervised == len(expected) - start


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_text(tmp_path_factory, byte_level: Tokenizer, text: str) -> None:
    folder = model(tmp_path_factory.mktemp("x") / "m", byte_level, "<s> $A", eos_token="</s>")
    renderer = Renderer.from_folder(folder, documents=True)
    rendered = renderer.render([Message("assistant", text)])
    ids = renderer.tokenizer.encode(text.removesuffix("</s>")).ids
    assert rendered.input_ids.tolist() == [*ids, renderer.tokenizer.token_to_id("</s>")]
    assert (rendered.labels[1:] == rendered.input_ids[1:]).all()


def test_a_chat_model_renders_documents_without_its_template(chatml) -> None:
    renderer = chatml(system="Be brief.")
    rendered = renderer.render([Message("assistant", "the answer")])
    assert rendered.text == "the answer<|im_end|>"
    assert rendered.document
    both = [[Message("assistant", "a")], [Message("user", "q"), Message("assistant", "a")]]
    one, other = renderer.render_many(both)
    assert (one.document, other.document) == (True, False)
    assert other.text.startswith("<|im_start|>system\nBe brief.")


def test_documents_are_never_cut(tmp_path: Path, byte_level: Tokenizer) -> None:
    folder = model(tmp_path / "m", byte_level, None, eos_token="</s>")
    options = RenderOptions(max_length=4, overlong="truncate_prompt")
    rendered = Renderer.from_folder(folder, options, documents=True).render(
        [Message("assistant", TEXT)]
    )
    assert (rendered.status, rendered.reason) == ("dropped", "overlong")
    assert "split_texts" in (rendered.detail or "")


def test_the_preview_shows_what_frames_a_document(tmp_path: Path, byte_level: Tokenizer) -> None:
    folder = model(tmp_path / "m", byte_level, "<s> $A", eos_token="</s>")
    renderer = Renderer.from_folder(folder, documents=True)
    rendered = renderer.render([Message("assistant", "the river")])
    assert preview_segments(rendered, renderer.tokenizer) == [
        Segment("<s>", "special"),
        Segment("the river", "supervised", True),
        Segment("</s>", "special", True),
    ]


def test_a_model_without_an_end_of_text_is_refused(tmp_path: Path, byte_level: Tokenizer) -> None:
    with pytest.raises(ModelError) as caught:
        Renderer.from_folder(model(tmp_path / "m", byte_level, None), documents=True)
    assert caught.value.code == "model.no-end-of-text"
    with pytest.raises(ModelError) as caught:
        Renderer.from_folder(tmp_path / "m")
    assert caught.value.code == "model.no-chat-template"


def test_generation_from_nothing(tmp_path: Path, byte_level: Tokenizer) -> None:
    folder = model(tmp_path / "m", byte_level, None, eos_token="</s>")
    renderer = Renderer.from_folder(folder, documents=True)
    assert renderer.prompt_ids([]) == [renderer.tokenizer.token_to_id("<s>")]
    assert renderer.stop_token == "</s>"
