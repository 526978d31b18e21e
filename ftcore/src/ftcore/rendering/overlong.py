"""Shortening a prompt that makes its row too long; answers are never touched.

What is cut, in this order: text of user and tool turns, then text of assistant turns that are
not supervised. Always the longest one first, from its left (the question usually stands at the
end), down to its last eight tokens. The system prompt and everything the template writes stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tokenizers import Tokenizer

from ftcore.rendering.messages import Message
from ftcore.rendering.rendered import Rendered

KEPT_TOKENS = 8


def cut_one_prompt(
    tokenizer: Tokenizer, messages: Sequence[Message], protected: frozenset[int], excess: int
) -> tuple[Message, ...] | None:
    """Return the conversation with up to ``excess`` tokens cut from one turn's left.

    ``protected`` are the numbers of the supervised messages. None where nothing may be cut any
    more. The remaining text can join into more tokens than it had; call again until it fits.
    """
    for roles in (("user", "tool"), ("assistant",)):
        lengths = {
            number: len(tokenizer.encode(message.content, add_special_tokens=False))
            for number, message in enumerate(messages)
            if message.role in roles and number not in protected
        }
        if lengths:
            number = max(lengths, key=lambda candidate: (lengths[candidate], -candidate))
            spare = lengths[number] - KEPT_TOKENS
            if spare > 0:
                message = messages[number]
                content = _without_left(tokenizer, message.content, min(spare, excess))
                shorter = replace(message, content=content)
                return (*messages[:number], shorter, *messages[number + 1 :])
    return None


def answer_too_long(row: Rendered, shortest: int, limit: int) -> Rendered:
    """Return ``row`` dropped, because its answer and headers alone are beyond the limit."""
    row.status, row.reason = "dropped", "answer_too_long"
    row.detail = (
        f"{shortest} tokens remain after the prompt was cut as far as it may be, "
        f"{row.supervised} of them supervised; the limit is {limit}"
    )
    return row


def _without_left(tokenizer: Tokenizer, content: str, tokens: int) -> str:
    """Return ``content`` without its first ``tokens`` tokens, and shorter in any case."""
    place = tokenizer.encode(content, add_special_tokens=False).token_to_chars(tokens)
    return content[max(place[0] if place else 0, 1) :]
