from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ftcore.rendering.messages import Message
from ftcore.rendering.options import RenderOptions
from ftcore.rendering.renderer import Renderer
from tests.rendering.families import FAMILIES, write_model_folder

QUESTION, ANSWER = Message("user", "the question?"), Message("assistant", "the answer")
ROW = [QUESTION, ANSWER]
LONG = " ".join(["about Paris and the river"] * 40)


def texts(rendered) -> list[str]:
    return [rendered.text[start:end] for start, end in rendered.spans]


def test_the_shape_of_a_row(chatml) -> None:
    rendered = chatml().render(ROW)
    assert rendered.input_ids.dtype == rendered.labels.dtype == np.int32
    assert len(rendered.input_ids) == len(rendered.labels)
    assert rendered.supervised == np.count_nonzero(rendered.labels != -100)
    mask = rendered.labels != -100
    assert (rendered.labels[mask] == rendered.input_ids[mask]).all()
    assert (rendered.status, rendered.reason, rendered.boundary) == ("kept", None, 0)


def test_many_rows_are_as_single_rows(chatml) -> None:
    renderer = chatml(max_length=60, overlong="truncate_prompt")
    rows = [ROW, [Message("user", LONG), ANSWER], [QUESTION], ROW * 2, [Message("user", "\ud800")]]
    for one, many in zip(
        [renderer.render(row) for row in rows], renderer.render_many(rows), strict=True
    ):
        assert one.input_ids.tolist() == many.input_ids.tolist()
        assert one.labels.tolist() == many.labels.tolist()
        assert (one.status, one.reason, one.spans) == (many.status, many.reason, many.spans)
    assert renderer.render_many([]) == []


def test_weight_zero_masks_a_turn(chatml) -> None:
    rows = [QUESTION, Message("assistant", "a wrong one", weight=0), *ROW]
    assert texts(chatml().render(rows)) == ["the answer<|im_end|>"]


def test_only_the_last_turn(chatml) -> None:
    first = Message("assistant", "a first answer")
    assert texts(chatml(supervise="last").render([QUESTION, first, *ROW])) == [
        "the answer<|im_end|>"
    ]
    # Followed by a question, the last assistant turn is still the one.
    assert texts(chatml(supervise="last").render([*ROW, QUESTION])) == ["the answer<|im_end|>"]


@pytest.mark.parametrize(
    "row", [[QUESTION], [QUESTION, Message("assistant", "no", weight=0)]], ids=["none", "masked"]
)
def test_a_row_without_supervised_tokens_is_dropped(chatml, row) -> None:
    rendered = chatml().render(row)
    assert (rendered.status, rendered.reason) == ("dropped", "no_supervised_tokens")
    assert rendered.detail


def test_system_prompt(folders) -> None:
    def start(system: str | None, *row: Message) -> str:
        options = RenderOptions(system=system)
        renderer = Renderer.from_folder(folders["smollm2", "byte_level"], options)
        assert (
            renderer.prompt_text(row[:-1]) == renderer.render(row).text.rpartition("the answer")[0]
        )
        return renderer.render(row).text.partition("<|im_end|>")[0]

    default = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    header = "<|im_start|>system\n"
    own = Message("system", "my own")
    assert start(None, *ROW) == header + default
    assert start("be brief", *ROW) == header + "be brief"
    assert start("", *ROW) == header
    assert start("be brief", own, *ROW) == header + "my own"
    assert start(None, own, *ROW) == header + "my own"


def test_broken_unicode_is_dropped_alone(chatml) -> None:
    bad = [Message("user", "a \ud800 b"), ANSWER]
    kept, broken, other = chatml().render_many([ROW, bad, ROW])
    assert kept.status == other.status == "kept"
    assert (broken.status, broken.reason) == ("dropped", "broken_unicode")


def test_a_refused_row_is_dropped_alone(renderers) -> None:
    renderer = renderers["gemma", "byte_level"]
    refused, kept = renderer.render_many([[Message("system", "x"), *ROW], ROW])
    assert (refused.status, refused.reason) == ("dropped", "template")
    assert "System role not supported" in (refused.detail or "")
    assert kept.status == "kept"


@pytest.mark.parametrize("overlong", ["error", "drop"])
def test_overlong_rows_are_dropped(chatml, overlong: str) -> None:
    length = len(chatml().render(ROW).input_ids)
    rendered = chatml(max_length=length - 1, overlong=overlong).render(ROW)
    assert (rendered.status, rendered.reason) == ("dropped", "overlong")
    assert rendered.detail == f"{length} tokens, the limit is {length - 1}"
    assert chatml(max_length=length, overlong=overlong).render(ROW).status == "kept"


def test_cutting_the_longest_question_from_its_left(chatml) -> None:
    system = Message("system", "You are helpful")
    row = [system, Message("user", LONG + " the question?"), *ROW[1:], *ROW]
    renderer = chatml(max_length=80, overlong="truncate_prompt")
    rendered = renderer.render(row)
    assert (rendered.status, rendered.reason) == ("cut", "overlong")
    assert len(rendered.input_ids) <= 80
    assert texts(rendered) == ["the answer<|im_end|>"] * 2
    assert rendered.text.startswith(
        "<|im_start|>system\nYou are helpful<|im_end|>\n<|im_start|>user"
    )
    assert rendered.text.count("the question?") == 2
    # What is left is exactly the shorter conversation, rendered.
    question = rendered.text.split("<|im_start|>user\n")[1].partition("<|im_end|>")[0]
    again = renderer.render([system, Message("user", question), *row[2:]])
    assert again.input_ids.tolist() == rendered.input_ids.tolist()
    assert again.status == "kept"


def test_unsupervised_answers_are_cut_after_questions(chatml) -> None:
    row = [QUESTION, Message("assistant", LONG), *ROW]
    rendered = chatml(max_length=70, overlong="truncate_prompt", supervise="last").render(row)
    assert rendered.status == "cut"
    assert texts(rendered) == ["the answer<|im_end|>"]
    assert chatml(max_length=70, overlong="truncate_prompt").render(row).status == "dropped"


def test_an_answer_that_is_too_long_is_dropped(chatml) -> None:
    row = [Message("user", LONG), Message("assistant", LONG)]
    rendered = chatml(max_length=50, overlong="truncate_prompt").render(row)
    assert (rendered.status, rendered.reason) == ("dropped", "answer_too_long")
    assert "the limit is 50" in (rendered.detail or "")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    question=st.text(st.characters(exclude_categories=["Cs"]), max_size=120),
    answer=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    limit=st.integers(10, 120),
)
def test_cut_rows_fit_and_keep_their_answer(chatml, question, answer, limit) -> None:
    renderer = chatml(max_length=limit, overlong="truncate_prompt")
    row = [Message("user", question), Message("assistant", answer)]
    rendered = renderer.render(row)
    assert rendered.status in ("kept", "cut", "dropped")
    if rendered.status != "dropped":
        assert len(rendered.input_ids) <= limit
        assert texts(rendered) == [answer + "<|im_end|>"]
    else:
        assert rendered.reason == "answer_too_long"


def test_a_token_across_header_and_content_is_not_supervised(renderers) -> None:
    """The header's space and the content's first word are one token in these families."""
    for family in ("mistral", "llama2", "deepseek_v2"):
        rendered = renderers[family, "byte_fallback"].render(ROW)
        assert rendered.boundary == 1
        start = rendered.spans[0][0]
        assert rendered.text[start - 1 : start] == " "


def test_bytes_of_one_character_share_its_place(renderers) -> None:
    rendered = renderers["chatml", "byte_fallback"].render([QUESTION, Message("assistant", "𝔘")])
    mask = rendered.labels != -100
    assert mask.sum() == 5  # four bytes and the end of turn
    assert rendered.boundary == 0


def test_trimmed_offsets_do_not_hide_a_merged_newline(tmp_path: Path, byte_level) -> None:
    """Header and content both have a newline there; the vocabulary may have one for both."""
    copy = Tokenizer.from_str(byte_level.to_str())
    data = json.loads(copy.to_str())
    vocabulary, merges = data["model"]["vocab"], data["model"]["merges"]
    vocabulary.setdefault("ĊĊ", len(vocabulary))
    merges.insert(0, ["Ċ", "Ċ"])
    folder = write_model_folder(
        tmp_path / "m", Tokenizer.from_str(json.dumps(data)), FAMILIES["chatml"]
    )
    renderer = Renderer.from_folder(folder)
    rendered = renderer.render([QUESTION, Message("assistant", "\n")])
    assert "ĊĊ" in renderer.tokenizer.encode(rendered.text).tokens
    assert (rendered.boundary, rendered.supervised) == (1, 1)


def test_model_facts(folders, tmp_path: Path, byte_level) -> None:
    renderer = Renderer.from_folder(folders["llama3", "byte_level"])
    token = renderer.tokenizer.token_to_id
    assert renderer.stop_ids == (token("<|eot_id|>"), token("<|end_of_text|>"))
    assert renderer.pad_id == token("<|end_of_text|>")
    assert renderer.vocab_size == renderer.tokenizer.get_vocab_size()
    folder = write_model_folder(tmp_path / "m", byte_level, FAMILIES["llama3"])
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["pad_token"] = "<|start_header_id|>"
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert Renderer.from_folder(folder).pad_id == token("<|start_header_id|>")


def test_fingerprint_follows_what_decides_the_ids(folders) -> None:
    prints = [
        Renderer.from_folder(folders[key], options).fingerprint
        for key in (("chatml", "byte_level"), ("chatml", "metaspace"), ("yi", "byte_level"))
        for options in (RenderOptions(), RenderOptions(system=""), RenderOptions(max_length=9))
    ]
    assert len(set(prints)) == len(prints)
    again = Renderer.from_folder(folders["chatml", "byte_level"], RenderOptions())
    assert again.fingerprint == prints[0]
