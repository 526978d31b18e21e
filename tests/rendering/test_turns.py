"""Templates that look into contents: handled as the template renders them, or refused."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer

from ftcore.errors import ModelError
from ftcore.rendering.messages import Message
from ftcore.rendering.renderer import Renderer
from ftcore.rendering.template import ChatTemplate
from tests.rendering.families import FAMILIES
from tests.rendering.test_families import check

IM = FAMILIES["chatml"]
QUESTION = Message("user", "the question?")
THINKING = "<think>\nhmm 好\n</think>\n\nthe answer"


def make(tokenizer: Tokenizer, source: str, *tokens: str) -> Renderer:
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.add_special_tokens(list(tokens or IM.tokens))
    return Renderer(copy, ChatTemplate(source, {"eos_token": "<|im_end|>"}))


def supervised_text(renderer: Renderer, *messages: Message) -> list[str]:
    rendered = renderer.render(messages)
    assert rendered.status == "kept", rendered.detail
    return [rendered.text[start:end] for start, end in rendered.spans]


@pytest.mark.parametrize("tokenizer", ["byte_level", "byte_fallback", "metaspace"])
@pytest.mark.parametrize("family", ["qwen3", "deepseek_r1", "chatml", "llama3"])
@pytest.mark.parametrize(
    "content",
    [
        THINKING,
        "<think>hmm</think>the answer",
        "<think>\n\n</think>\n\nthe answer",
        "hmm</think>the answer",
        "\n\nthe answer",
        "<think> the answer",
    ],
)
def test_thinking_blocks(renderers, family: str, tokenizer: str, content: str) -> None:
    turn = [QUESTION, Message("assistant", content)]
    other = [QUESTION, Message("assistant", "a short text")]
    for messages in (turn, turn * 2, turn + other, other + turn, other + turn + other):
        check(renderers[family, tokenizer], family, messages)


def test_what_qwen3_supervises(renderers) -> None:
    renderer = renderers["qwen3", "byte_level"]
    thinking, plain = Message("assistant", THINKING), Message("assistant", "the answer")
    end = "<|im_end|>"
    assert supervised_text(renderer, QUESTION, plain) == ["the answer" + end]
    assert supervised_text(renderer, QUESTION, thinking) == [THINKING + end]
    assert (
        supervised_text(renderer, QUESTION, thinking, QUESTION, plain) == ["the answer" + end] * 2
    )
    assert any("removes thinking blocks from all answers but the last" in n for n in renderer.notes)


def test_qwen3_prompt_follows_the_rows(renderers) -> None:
    renderer = renderers["qwen3", "byte_level"]
    header = "<|im_start|>assistant\n"
    assert renderer.prompt_text([QUESTION]).endswith(header + "<think>\n\n</think>\n\n")
    assert renderer.prompt_text([QUESTION], thinking=True).endswith(header)
    assert any("empty" not in n and "<think>" in n for n in renderer.notes)


def test_an_answer_that_the_template_drops_is_refused(renderers) -> None:
    rendered = renderers["deepseek_r1", "byte_level"].render(
        [QUESTION, Message("assistant", "<think>only this</think>")]
    )
    assert (rendered.status, rendered.reason) == ("dropped", "template")
    assert "rewrites the assistant turn at message 2" in (rendered.detail or "")


@pytest.mark.parametrize(
    "changed", ["message.content | replace('a', 'b')", "message.content | replace(' ', '  - ')"]
)
def test_a_template_that_rewrites_answers_is_refused(byte_level: Tokenizer, changed: str) -> None:
    renderer = make(byte_level, IM.source.replace("message['content']", f"({changed})"))
    rendered = renderer.render([QUESTION, Message("assistant", "a banana")])
    assert (rendered.status, rendered.reason) == ("dropped", "template")


def test_a_template_that_prints_no_content_as_it_is_is_refused(byte_level: Tokenizer) -> None:
    with pytest.raises(ModelError) as caught:
        make(byte_level, IM.source.replace("message['content']", "message.content[:2]"))
    assert caught.value.code == "model.chat-template-unusable"


def test_a_template_that_moves_on_the_length_of_an_answer(byte_level: Tokenizer) -> None:
    """The text around the turn changes with its content, but the content is printed as it is."""
    source = IM.source.replace("{% for", "{{ messages | length }}{% for")
    renderer = make(byte_level, source)
    answer = Message("assistant", "the answer")
    assert supervised_text(renderer, QUESTION, answer) == ["the answer<|im_end|>"]
    source = IM.source.replace("{% for", "{{ messages[1].content | length }}{% for")
    rendered = make(byte_level, source).render([QUESTION, answer])
    assert rendered.reason == "template"


def test_content_that_holds_the_renderers_own_marks(renderers) -> None:
    renderer = renderers["qwen3", "byte_level"]
    content = "\n\U000f5f170\U000f5f18 x"
    assert supervised_text(renderer, QUESTION, Message("assistant", content)) == [
        content.lstrip("\n") + "<|im_end|>"
    ]


def test_a_template_without_end_of_turn_is_refused(byte_level: Tokenizer) -> None:
    source = "{% for m in messages %}{{ m.role + ': ' + m.content + '\n\n' }}{% endfor %}"
    with pytest.raises(ModelError, match="would not learn to stop") as caught:
        make(byte_level, source)
    assert caught.value.code == "model.no-end-of-turn"


def test_an_end_of_turn_the_tokenizer_does_not_know_is_refused(byte_level: Tokenizer) -> None:
    with pytest.raises(ModelError) as caught:
        make(byte_level, IM.source, "<|other|>")
    assert caught.value.code == "model.no-end-of-turn"


def test_a_template_that_ends_only_the_last_turn(byte_level: Tokenizer) -> None:
    source = (
        "{% for m in messages %}{{ m.role + ': ' + m.content }}"
        "{% if loop.last %}<|im_end|>{% else %}\n{% endif %}{% endfor %}"
    )
    renderer = make(byte_level, source)
    answer = Message("assistant", "the answer")
    assert supervised_text(renderer, QUESTION, answer, QUESTION, answer) == [
        "the answer",
        "the answer<|im_end|>",
    ]
    assert any("ends only the last" in note for note in renderer.notes)


def test_a_template_that_ends_every_turn_but_the_last(byte_level: Tokenizer) -> None:
    source = (
        "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}"
        "{% if not loop.last %}<|im_end|>{% endif %}{% endfor %}"
    )
    renderer = make(byte_level, source)
    assert renderer.appends_stop
    assert supervised_text(renderer, QUESTION, Message("assistant", "the answer")) == [
        "the answer<|im_end|>"
    ]


def test_a_message_left_out_by_the_template_is_told(renderers) -> None:
    renderer = renderers["deepseek_r1", "byte_level"]
    answer = Message("assistant", "the answer")
    rendered = renderer.render([QUESTION, Message("tool", "a result"), answer])
    assert rendered.status == "kept"
    assert "leaves out message 2 (tool)" in (rendered.detail or "")
    assert any("accepts no system" in note for note in renderers["gemma", "byte_level"].notes)


def test_white_space_notes(renderers) -> None:
    for family, expected in (("llama3", True), ("chatml", False)):
        notes = renderers[family, "byte_level"].notes
        assert any("strips white space" in note for note in notes) is expected
