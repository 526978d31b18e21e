"""The text after which an assistant answers, the same in evaluation as in training."""

from __future__ import annotations

from collections.abc import Sequence

from ftcore.errors import DataError
from ftcore.rendering.messages import Message
from ftcore.rendering.skeleton import mark
from ftcore.rendering.template import ChatTemplate


def prompt_text(
    template: ChatTemplate, messages: Sequence[Message], *, thinking: bool = False
) -> str:
    """Return the conversation up to where the assistant's answer begins.

    This is the template's generation prompt. It gives way to what training rows have in front of
    a plain answer where the two differ by more than white space: a template may open an answer
    with an empty thinking block (Qwen3), or its generation prompt may open a thinking block that
    it removes from rows (DeepSeek-R1). White space is left to the answer's first token.
    """
    prompt = template.render(messages, add_generation_prompt=True)
    if thinking:
        return prompt
    header = header_text(template, messages)
    if header is None or header.rstrip() == prompt.rstrip():
        return prompt
    return header


def header_text(template: ChatTemplate, messages: Sequence[Message]) -> str | None:
    """Return what a row has in front of a plain answer to ``messages``; None if unknown."""
    number = 0
    while any(mark(number) in message.content for message in messages):
        number += 1
    try:
        text = template.render((*messages, Message("assistant", mark(number))))
    except DataError:
        return None
    before, label, _ = text.partition(mark(number))
    return before if label else None
