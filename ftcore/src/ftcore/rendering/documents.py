"""Plain documents, for continued pre-training: no chat template, every token is learnt.

A document's ids are those of the tokenizer on its own, special tokens in front included, and the
end-of-text token behind. What the tokenizer puts in front is not supervised: nothing leads to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from ftcore.errors import ModelError
from ftcore.rendering.messages import Message

# Stands in where a base model brings no chat template and nothing but documents is rendered.
DOCUMENT_TEMPLATE = "{% for message in messages %}{{ message.content + eos_token }}{% endfor %}"


def is_document(messages: Sequence[Message]) -> bool:
    """Tell whether a row is a document: an assistant turn alone, as no conversation is."""
    return len(messages) == 1 and messages[0].role == "assistant"


@dataclass(frozen=True, slots=True)
class DocumentEnd:
    """The end of text; ``written`` says that the tokenizer itself puts it behind every text."""

    token: str
    written: bool

    @classmethod
    def of(cls, tokenizer: Tokenizer, token: str | None) -> DocumentEnd:
        """Find out whether ``tokenizer`` writes ``token``; ModelError where there is none."""
        number = None if token is None else tokenizer.token_to_id(token)
        if token is None or number is None:
            raise ModelError(
                "the tokenizer names no end-of-text token, so a model trained on documents would "
                "not learn to stop",
                hint="Name it as eos_token in the folder's tokenizer_config.json.",
                code="model.no-end-of-text",
            )
        plain = tokenizer.encode("a", add_special_tokens=False).ids
        full = tokenizer.encode("a", add_special_tokens=True).ids
        return cls(token, len(full) > len(plain) and full[-1] == number != plain[-1])

    def close(self, text: str) -> str:
        """Return a document's text such that its ids end with one end of text."""
        if self.written:
            return text.removesuffix(self.token)
        return text if text.endswith(self.token) else text + self.token
