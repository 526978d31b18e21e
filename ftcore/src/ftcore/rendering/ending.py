"""How a model family ends an assistant turn: the text and the token that mean "stop"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ftcore.errors import ModelError
from ftcore.rendering.skeleton import Skeleton, build_skeleton
from ftcore.rendering.template import ChatTemplate

_ONE = ("user", "assistant")
_TWO = ("user", "assistant", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of turn of a chat template.

    ``text`` is what follows a content, up to and including the stop token ``token``; white space
    in front of the token belongs to it, because a model has to write it to get there.
    ``appended`` is True for a family that ends no turn itself (GLM: the next role's token does);
    the last turn of a row then gets ``text`` appended, or the model would never learn to stop.
    """

    text: str
    token: str
    appended: bool
    pattern: re.Pattern[str]

    def length_at(self, text: str, position: int) -> int:
        """Return how many characters of end of turn ``text`` has at ``position``; 0 for none."""
        match = self.pattern.match(text, position)
        return match.end() - position if match else 0

    def missing(self, rest: str) -> str | None:
        """Return what a last turn followed by ``rest`` lacks; None if ``rest`` is in the way."""
        if self.text.startswith(rest):
            return self.text[len(rest) :]
        return self.token if not rest.strip() else None


def find_ending(template: ChatTemplate, token_texts: Sequence[str]) -> Ending:
    """Find out how ``template`` ends an assistant turn.

    ``token_texts`` are the tokenizer's added tokens, longest first. Raises ModelError where the
    template cannot render an exchange, or ends turns with no token of the tokenizer.
    """
    any_token = _pattern(token_texts)
    after_last = _text_after(build_skeleton(template, _ONE), 1)
    after_first = _text_after(build_skeleton(template, _TWO), 1)
    if after_last is None:
        raise ModelError(
            "the model's chat template does not print a user turn and an assistant turn as they "
            "are, so it cannot be trained on",
            hint="Choose a model with a template for plain conversations, or correct the "
            "template in the folder's chat_template.jinja.",
            code="model.chat-template-unusable",
        )
    match = any_token.match(after_last)
    if match:
        token = match[0].lstrip()
        return Ending(match[0], token, False, _pattern([token]))
    match = any_token.match(after_first or "")
    if match:
        return Ending(match[0], match[0].lstrip(), True, any_token)
    raise ModelError(
        "the model's chat template ends an assistant turn with no token that the tokenizer "
        f"knows (after the answer comes {(after_first or after_last)[:40]!r}), so a model "
        "trained on it would not learn to stop",
        hint="Write the end-of-turn token after the assistant's content in the template, or add "
        "the one it writes to the tokenizer.",
        code="model.no-end-of-turn",
    )


def _text_after(skeleton: Skeleton | None, message: int) -> str | None:
    for number, slot in enumerate(skeleton.slots if skeleton else ()):
        if skeleton and slot.message == message:
            return skeleton.after(number)
    return None


def _pattern(token_texts: Sequence[str]) -> re.Pattern[str]:
    # Runs of spaces or newlines are added tokens in some vocabularies; they end no turn.
    usable = [re.escape(text) for text in token_texts if text.strip()]
    return re.compile(rf"\s*(?:{'|'.join(usable)})" if usable else r"(?!)")
