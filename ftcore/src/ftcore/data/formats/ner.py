"""``ner``: a text and its entities, turned into a conversation by the recipe's texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ftcore.data.formats.base import (
    Format,
    FormatOptions,
    NerOptions,
    Quoted,
    Reading,
    Record,
    RowProblem,
)
from ftcore.data.formats.turns import as_list, as_text, kind, looks_like_list, required_text
from ftcore.errors import DataError
from ftcore.rendering.messages import Message


class NerFormat(Format):
    """Reads ``{"text", "entities": [{"entity_text", "entity_label", ...}]}``.

    An entity may carry ``start_idx`` / ``end_idx`` (characters; the end may be exclusive or
    inclusive) and ``entity_names``, synonyms of its label, of which the one in the recipe's label
    list is used. The completion is one JSON object a line, in order of appearance. ``fields``
    keeps ``text`` and, as ``entities``, what the completion says.
    """

    name = "ner"
    describe = "a text and its entities, through the recipe's instruction and prompt"
    columns = ("text", "entities")
    quotes = True

    def matches(self, record: Record) -> str | None:
        """Fit records with ``text`` and a list ``entities``."""
        if "text" in record and looks_like_list(record.get("entities")):
            return "it has `text` and a list `entities`"
        return None

    def prepare(self, options: FormatOptions) -> None:
        """Fill the templates once: a wrong placeholder is an error before any row."""
        for key, known in (("instruction", "{labels}, {none}"), ("prompt", "{text}")):
            try:
                _instruction(options.ner) if key == "instruction" else _prompt(options.ner, "")
            except (KeyError, IndexError, ValueError) as error:
                raise DataError(
                    f"data.ner.{key} cannot be filled in: {error}",
                    hint=f"known placeholders: {known}; write a literal brace as {{{{ or }}}}",
                    code="data.ner.template",
                ) from error
        if not options.ner.labels:
            raise DataError("data.ner.labels is empty", code="data.ner.labels")

    def read(self, record: Record, options: FormatOptions) -> Reading:
        """Return instruction, prompt and completion."""
        text = required_text(record, "text")
        if "entities" not in record:
            raise RowProblem("entities", "missing", "use [] for a text without entities")
        value = record["entities"]
        found = [
            self._entity(entity, f"entities[{index}]", text, options.ner)
            for index, entity in enumerate(as_list(value, "entities"))
        ]
        entities = [entity for _, entity in sorted(found, key=lambda pair: pair[0])]
        return self._reading(self.other_fields(record), text, entities, options.ner)

    def quoted(self, fields: Mapping[str, Any]) -> Quoted:
        """Return the text and its entities."""
        return Quoted(fields["text"], tuple(item["entity_text"] for item in fields["entities"]))

    def rewrite(self, fields: Mapping[str, Any], new: Quoted, options: FormatOptions) -> Reading:
        """Return the conversation of another text with its entities; labels stay."""
        entities = []
        for quote, before in zip(new.quotes, fields["entities"], strict=True):
            words = quote if quote in new.text else quote.strip()  # a line's end may have gone
            if not words.strip() or words not in new.text:
                was = before["entity_text"]
                raise RowProblem("entities", f"the entity {was!r} is lost from the text", "")
            entities.append({**before, "entity_text": words})
        return self._reading(self.other_fields(fields), new.text, entities, options.ner)

    def _reading(
        self,
        others: Mapping[str, Any],
        text: str,
        entities: list[dict[str, str]],
        options: NerOptions,
    ) -> Reading:
        lines = [json.dumps(entity, ensure_ascii=False) for entity in entities]
        turns = (
            Message("system", _instruction(options)),
            Message("user", _prompt(options, text)),
            Message("assistant", "\n".join(lines) or options.none),
        )
        return turns, {**others, "text": text, "entities": entities}

    def _entity(
        self, entity: object, where: str, text: str, options: NerOptions
    ) -> tuple[int, dict[str, str]]:
        if not isinstance(entity, Mapping):
            raise RowProblem(
                where,
                f"expected an object, found {kind(entity)}",
                'write {"entity_text": "...", "entity_label": "..."}',
            )
        words = as_text(entity.get("entity_text"), f"{where}.entity_text")
        start = _start(entity, where, text, words)
        label = _label(entity, where, options)
        return start, {"entity_text": words, "entity_label": label}


def _instruction(options: NerOptions) -> str:
    return options.instruction.format(labels=", ".join(options.labels), none=options.none)


def _prompt(options: NerOptions, text: str) -> str:
    return options.prompt.format(text=text)


def _start(entity: Mapping[str, Any], where: str, text: str, words: str) -> int:
    """Return the entity's first character; the given place must hold its words."""
    start, end = entity.get("start_idx"), entity.get("end_idx")
    if isinstance(start, int) and not isinstance(start, bool):
        if text.startswith(words, start) and words and start >= 0:
            return start
        shown = text[start : end if isinstance(end, int) else start + len(words)]
        raise RowProblem(
            f"{where}.start_idx",
            f"the text at character {start} is {shown!r}, not {words!r}",
            "correct start_idx, or leave it out",
        )
    place = text.find(words) if words else -1
    if place < 0:
        raise RowProblem(
            f"{where}.entity_text",
            f"{words!r} does not occur in the text",
            "copy the entity as the text writes it",
        )
    return place


def _label(entity: Mapping[str, Any], where: str, options: NerOptions) -> str:
    label = as_text(entity.get("entity_label"), f"{where}.entity_label")
    if label in options.labels:
        return label
    names = entity.get("entity_names")
    names = as_list(names, f"{where}.entity_names") if names is not None else []
    for name in names:
        if name in options.labels:
            return str(name)
    synonyms = f" (synonyms {', '.join(map(repr, names))})" if names else ""
    raise RowProblem(
        f"{where}.entity_label",
        f"{label!r}{synonyms} is not among the labels {', '.join(options.labels)}",
        "add it to data.ner.labels",
    )
