"""Entities as the model writes them: JSON lines with ``entity_text`` and ``entity_label``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from ftcore.errors import DataError

Entity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ParsedEntities:
    """What a text says: ``entities`` as (text, label), and the number of unreadable lines.

    ``none`` is true where the text is the recipe's sentence for "no entity".
    """

    entities: Counter[Entity]
    broken_lines: int
    none: bool

    @property
    def parsed(self) -> bool:
        """Whether the whole text keeps the format."""
        return self.none or (self.broken_lines == 0 and bool(self.entities))


def parse_entities(text: str, no_entity: str) -> ParsedEntities:
    """Parse one JSON object a line, blank lines skipped; ``no_entity`` alone says "none".

    A line counts as an entity where it is a JSON object whose ``entity_text`` and
    ``entity_label`` are strings that are not blank; other keys are ignored, and so is
    whitespace around both values. Every other line that is not blank counts as broken.
    """
    if text.strip() == no_entity.strip():
        return ParsedEntities(Counter(), 0, none=True)
    entities: Counter[Entity] = Counter()
    broken = 0
    # Split at line feeds only: JSON strings may hold the other separators of splitlines().
    for line in text.split("\n"):
        if not line.strip():
            continue
        entity = _parse_line(line)
        if entity is None:
            broken += 1
        else:
            entities[entity] += 1
    return ParsedEntities(entities, broken, none=False)


def parse_reference(reference: str, no_entity: str, row_id: str) -> ParsedEntities:
    """Parse a reference; DataError where it does not keep the format."""
    parsed = parse_entities(reference, no_entity)
    if not parsed.parsed:
        raise DataError(
            f"row {row_id}: the reference is neither entity lines nor the no-entity sentence "
            f"{no_entity!r}: {reference[:80]!r}",
            hint='write one {"entity_text": ..., "entity_label": ...} a line',
            code="data.entity-reference",
        )
    return parsed


def _parse_line(line: str) -> Entity | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    text, label = data.get("entity_text"), data.get("entity_label")
    if not isinstance(text, str) or not isinstance(label, str):
        return None
    text, label = text.strip(), label.strip()
    return (text, label) if text and label else None
