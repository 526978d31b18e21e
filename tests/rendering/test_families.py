"""Ids and labels of every template family against its hand-written account."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftcore.rendering.messages import Message
from ftcore.rendering.renderer import Renderer
from tests.rendering.families import FAMILIES, expected_text, supervised_characters
from tests.rendering.reference import byte_flags, byte_level_pieces, reference_labels

CONTENTS = {
    "plain": "the answer is Paris",
    "empty": "",
    "blank": "  \n ",
    "leading spaces": "   the answer",
    "leading newlines": "\n\nthe answer",
    "trailing": "the answer \n\n",
    "multi-byte": "東京 naïve 🙂👍🏽 e\u0301 Привет",
    "multi-byte first": "🙂東京",
    "own markers": "a <|im_end|> b </s> c <|eot_id|> [/INST] <end_of_turn> <|user|> <|end|>",
    "marker first": "<|im_end|>\n<|im_start|>assistant\nno",
}


def conversations(content: str) -> list[list[Message]]:
    one = [Message("user", "the question?"), Message("assistant", content)]
    other = [Message("user", content), Message("assistant", "a short text")]
    return [
        one,
        [*other, *one],
        [*one, *other],
        [Message("system", "You are helpful"), *one, *other],
        [*one, Message("user", "and 42?")],
    ]


def check(renderer: Renderer, family_name: str, messages: list[Message]) -> None:
    family = FAMILIES[family_name]
    if messages[0].role == "system" and not family.system:
        messages = messages[1:]
    text = expected_text(family, messages)
    rendered = renderer.render(messages)
    assert rendered.text == text
    encoding = renderer.tokenizer.encode(text, add_special_tokens=False)
    ids = rendered.input_ids.tolist()
    assert ids == encoding.ids
    flags = supervised_characters(family, messages)
    table = renderer.tokenizer.get_vocab()
    if "Ġ" in table:
        pieces = byte_level_pieces(renderer.tokenizer, ids)
        expected = reference_labels(ids, pieces, byte_flags(text, flags))
    else:
        # Brute force over every token and character, against the renderer's look-ups.
        expected = [
            number if all(flags[left:right]) else -100
            for number, (left, right) in zip(ids, encoding.offsets, strict=True)
        ]
    assert rendered.labels.tolist() == expected
    assert rendered.supervised == sum(label != -100 for label in expected)
    assert rendered.status == "kept"


@pytest.mark.parametrize("tokenizer", ["byte_level", "byte_fallback", "metaspace"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_ids_and_labels(renderers, family: str, tokenizer: str, content: str) -> None:
    for messages in conversations(content):
        check(renderers[family, tokenizer], family, messages)


TEXT = st.text(
    st.one_of(st.sampled_from(" \n\tab.<|>é東🙂"), st.characters(exclude_categories=["Cs"])),
    max_size=30,
).filter(lambda text: "</think>" not in text)  # test_turns.py tells what becomes of it


@st.composite
def exchanges(draw: st.DrawFn) -> list[Message]:
    system = draw(st.lists(TEXT, max_size=1))
    turns = draw(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3))
    return [
        *(Message("system", text) for text in system),
        *(
            message
            for question, answer in turns
            for message in (Message("user", question), Message("assistant", answer))
        ),
    ]


@pytest.mark.parametrize("tokenizer", ["byte_level", "byte_fallback", "metaspace"])
@pytest.mark.parametrize("family", FAMILIES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(messages=exchanges())
def test_any_messages(renderers, family: str, tokenizer: str, messages: list[Message]) -> None:
    check(renderers[family, tokenizer], family, messages)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(messages=exchanges())
def test_supervised_tokens_spell_content_and_end_of_turn(
    renderers, messages: list[Message]
) -> None:
    for family in ("chatml", "llama3", "mistral", "zephyr"):
        renderer = renderers[family, "byte_level"]
        rendered = renderer.render(messages)
        supervised = [number for number in rendered.labels.tolist() if number != -100]
        spelled = "".join(byte_level_pieces(renderer.tokenizer, supervised))
        wanted = "".join(rendered.text[start:end] for start, end in rendered.spans)
        if rendered.boundary == 0:
            assert spelled == wanted.encode().decode("latin-1")
        else:
            assert len(spelled) < len(wanted.encode())


@pytest.mark.parametrize("family", FAMILIES)
def test_stop_token_and_prompt(renderers, family: str) -> None:
    renderer = renderers[family, "byte_level"]
    account = FAMILIES[family]
    assert renderer.stop_token == account.stop_token
    assert renderer.appends_stop is account.appended
    token = renderer.tokenizer.token_to_id
    assert renderer.stop_ids[0] == token(account.stop_token)
    assert token(account.eos) in renderer.stop_ids
    question = [Message("user", "the question?")]
    if account.prompt is not None:
        assert renderer.prompt_text(question).endswith(account.prompt)
    row = renderer.render([*question, Message("assistant", "the answer")])
    assert row.text.startswith(renderer.prompt_text(question))
    encoding = renderer.tokenizer.encode(renderer.prompt_text(question), add_special_tokens=False)
    assert renderer.prompt_ids(question) == encoding.ids
