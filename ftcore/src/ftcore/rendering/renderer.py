"""Conversations to token ids and labels, with the model's own template and tokenizer.

The ids are those of ``apply_chat_template(conversation, tokenize=True)``: the rendered text,
encoded once, without the tokenizer's own special tokens. One family is different: where the
template ends no assistant turn, the named stop token is appended to a row that ends with one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from ftcore.errors import DataError
from ftcore.rendering.documents import DOCUMENT_TEMPLATE, DocumentEnd, is_document
from ftcore.rendering.ending import find_ending
from ftcore.rendering.labelling import Draft, Labeller
from ftcore.rendering.messages import Message
from ftcore.rendering.options import RenderOptions
from ftcore.rendering.overlong import answer_too_long, cut_one_prompt
from ftcore.rendering.peculiarities import describe_template
from ftcore.rendering.prompts import prompt_text
from ftcore.rendering.rendered import Rendered, dropped
from ftcore.rendering.template import ChatTemplate, read_special_tokens
from ftcore.rendering.tokenizer import added_token_texts, load_tokenizer
from ftcore.rendering.turns import Turn, TurnFinder

__all__ = ["RenderOptions", "Rendered", "Renderer"]

# Part of every fingerprint: raise it when the same inputs come to give other ids or labels.
RENDERING_VERSION = 1


class Renderer:
    """Renders rows of one model with one set of options; cheap to keep, not thread-safe.

    ``stop_token`` is the text that ends a turn; ``appends_stop`` is True where the template does
    not write it at a row's end; ``notes`` says in sentences what the template does to contents.
    """

    def __init__(
        self, tokenizer: Tokenizer, template: ChatTemplate, options: RenderOptions | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.options = options or RenderOptions()
        self._ending = find_ending(template, added_token_texts(tokenizer))
        self._labeller = Labeller(tokenizer)
        self._turns = TurnFinder(template, self._ending)
        self.notes = describe_template(template, self._ending)

    def __reduce__(self) -> tuple[type[Renderer], tuple[Tokenizer, ChatTemplate, RenderOptions]]:
        """Let another process build the same renderer."""
        return type(self), (self.tokenizer, self.template, self.options)

    @classmethod
    def from_folder(
        cls, folder: Path, options: RenderOptions | None = None, *, documents: bool = False
    ) -> Renderer:
        """Read template and tokenizer of a model folder; ModelError where one is unusable.

        ``documents`` says that all rows are documents: then no chat template is needed.
        """
        if not documents:
            return cls(load_tokenizer(folder), ChatTemplate.from_folder(folder), options)
        tokenizer, special = load_tokenizer(folder), read_special_tokens(folder)
        DocumentEnd.of(tokenizer, special.get("eos_token"))
        return cls(tokenizer, ChatTemplate(DOCUMENT_TEMPLATE, special), options)

    @property
    def stop_token(self) -> str:
        """The text of the token that ends an assistant turn."""
        return self._ending.token

    @property
    def appends_stop(self) -> bool:
        """Whether the stop token is appended to rows, because the template writes none."""
        return self._ending.appended

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end generation: the end of turn first, then the end of text."""
        texts = (self._ending.token, self.template.special_tokens.get("eos_token"))
        ids = [self.tokenizer.token_to_id(text) for text in texts if text is not None]
        return tuple(dict.fromkeys(number for number in ids if number is not None))

    @property
    def pad_id(self) -> int:
        """The padding token's id; the end-of-text or stop token's where the model has none."""
        for name in ("pad_token", "eos_token"):
            text = self.template.special_tokens.get(name)
            number = None if text is None else self.tokenizer.token_to_id(text)
            if number is not None:
                return number
        return self.stop_ids[0]

    @property
    def vocab_size(self) -> int:
        """Number of ids of the tokenizer, added tokens included."""
        return self.tokenizer.get_vocab_size(with_added_tokens=True)

    @cached_property
    def document_end(self) -> DocumentEnd:
        """What ends a document; ModelError where the model names no end of text."""
        return DocumentEnd.of(self.tokenizer, self.template.special_tokens.get("eos_token"))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything that decides ids and labels, the messages apart."""
        parts = {
            "version": RENDERING_VERSION,
            "tokenizer": hashlib.sha256(self.tokenizer.to_str().encode()).hexdigest(),
            "template": self.template.fingerprint,
            "options": asdict(self.options),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def render(self, messages: Sequence[Message]) -> Rendered:
        """Return one conversation as tokens and labels; see :meth:`render_many`."""
        return self.render_many([messages])[0]

    def render_many(self, rows: Sequence[Sequence[Message]]) -> list[Rendered]:
        """Return each conversation as tokens and labels, in order, one result a row.

        A row that cannot be trained on comes back with status ``dropped`` and its reason; no row
        raises. Pass about a thousand at a time: all are encoded in one batch.
        """
        prepared = [self._draft(messages) for messages in rows]
        drafts = [draft for draft in prepared if isinstance(draft, Draft)]
        labelled = iter(self._labeller.label(drafts))
        results = [next(labelled) if isinstance(draft, Draft) else draft for draft in prepared]
        limit = self.options.max_length
        for number, result in enumerate(results):
            if result.status != "kept":
                continue
            if result.supervised == 0:
                result.status, result.reason = "dropped", "no_supervised_tokens"
                result.detail = "no token of this row is supervised, so nothing is learnt from it"
            elif limit is not None and len(result.input_ids) > limit:
                results[number] = self._overlong(rows[number], result, limit)
        return results

    def prompt_ids(self, messages: Sequence[Message], *, thinking: bool = False) -> list[int]:
        """Return the ids of a conversation that waits for the assistant's answer.

        They are those of the template's generation prompt, except where training rows open their
        plain answers otherwise (an empty thinking block, say); then they follow the rows.
        ``thinking`` True always takes the template's own generation prompt.
        """
        if not messages:  # a document begins here
            start = self.template.special_tokens.get("bos_token", self.document_end.token)
            return list(self.tokenizer.encode(start, add_special_tokens=False).ids)
        text = self.prompt_text(messages, thinking=thinking)
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def prompt_text(self, messages: Sequence[Message], *, thinking: bool = False) -> str:
        """Return the text of :meth:`prompt_ids`."""
        return prompt_text(self.template, self.options.with_system(messages), thinking=thinking)

    def _draft(self, messages: Sequence[Message]) -> Draft | Rendered:
        if is_document(messages):
            text = self.document_end.close(messages[0].content)
            return Draft(text, [(0, len(text))], document=True)
        messages = self.options.with_system(messages)
        wanted = self.options.supervised_messages(messages)
        data = [{"role": message.role, "content": message.content} for message in messages]
        text = ""
        try:
            composed = self._turns.compose(data)
            if composed is None:
                text = self.template.render_data(data)
                composed = text, self._turns.find(text, data)
            text, turns = composed
            draft = self._close(text, turns, wanted, len(data) - 1)
        except DataError as error:
            return dropped("template", error.message, text)
        unprinted = self._turns.unprinted(data)
        if unprinted:
            names = ", ".join(f"{number + 1} ({data[number]['role']})" for number in unprinted)
            draft.detail = f"the model's chat template leaves out message {names}"
        return draft

    def _close(self, text: str, turns: Sequence[Turn], wanted: frozenset[int], last: int) -> Draft:
        """Append the stop token that the last turn lacks, and choose the supervised spans."""
        spans = [(turn.start, turn.end) for turn in turns if turn.message in wanted]
        if turns and turns[-1].message == last and last in wanted:
            turn = turns[-1]
            if turn.end == turn.content_end:
                missing = self._ending.missing(text[turn.end :])
                if missing is None:
                    raise DataError(
                        "the model's chat template writes no end of turn after the last answer, "
                        f"but {text[turn.end :][:40]!r}",
                        code="data.template-refused",
                    )
                text += missing
                spans[-1] = (turn.start, len(text))
        return Draft(text, spans)

    def _overlong(self, messages: Sequence[Message], row: Rendered, limit: int) -> Rendered:
        length = len(row.input_ids)
        if row.document or self.options.overlong != "truncate_prompt":
            row.status, row.reason = "dropped", "overlong"
            row.detail = f"{length} tokens, the limit is {limit}"
            if row.document:
                row.detail += "; the cleaning step split_texts cuts documents into pieces"
            return row
        return self._cut(self.options.with_system(messages), row, limit)

    def _cut(self, messages: Sequence[Message], row: Rendered, limit: int) -> Rendered:
        """Shorten the prompt until the row fits; each round renders and encodes it anew."""
        protected = self.options.supervised_messages(messages)
        current, result = messages, row
        while len(result.input_ids) > limit:
            shorter = cut_one_prompt(
                self.tokenizer, current, protected, len(result.input_ids) - limit
            )
            if shorter is None:
                return answer_too_long(row, len(result.input_ids), limit)
            current = shorter
            draft = self._draft(current)
            if not isinstance(draft, Draft):
                return draft
            result = self._labeller.label([draft])[0]
        removed = len(row.input_ids) - len(result.input_ids)
        result.status, result.reason = "cut", "overlong"
        result.detail = f"{removed} of {len(row.input_ids)} tokens cut from the prompt's text"
        return result
