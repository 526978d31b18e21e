"""Causes of wrong entities: boundary, label, missed, spurious, unparsable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ftcore.evaluation.causes import Family, Finding, listed
from ftcore.evaluation.entities import Entity, parse_entities
from ftcore.evaluation.metric import Example, MetricContext


class EntityCauses(Family):
    """Entities of the answer against those of the reference, paired off one to one.

    Pairs are made in this order: same text and label (right); same text, another label; texts of
    which one holds the other or that share a word. What is left over was missed or is spurious.
    The kinds are those of the MUC-5 evaluation (Chinchor and Sundheim 1993); the main cause is the
    one of most entities of the row, the order of ``causes`` decides ties.
    """

    name: ClassVar[str] = "entities"
    right: ClassVar[str] = (
        "The answer keeps the format and its entities are the reference's, text and label."
    )
    causes: ClassVar[Mapping[str, str]] = {
        "unparsable": "The answer is neither entity lines nor the no-entity sentence.",
        "boundary": "An entity's text is too long or too short, or shares only some words.",
        "label": "An entity's text is right and its label is not.",
        "missed": "An entity of the reference has no counterpart in the answer.",
        "spurious": "An entity of the answer has no counterpart in the reference.",
    }

    def applies(self, example: Example, context: MetricContext) -> bool:
        """Return whether the reference keeps the format."""
        return parse_entities(example.reference, context.no_entity).parsed

    def judge(
        self, example: Example, context: MetricContext, values: Mapping[str, float]
    ) -> tuple[Finding, ...]:
        """Return what kinds of mistakes the entities show, unparsable first."""
        predicted = parse_entities(example.prediction, context.no_entity)
        reference = parse_entities(example.reference, context.no_entity)
        found = _mistakes(
            sorted((predicted.entities - reference.entities).elements()),
            sorted((reference.entities - predicted.entities).elements()),
        )
        order = list(self.causes)
        ranked = sorted(found, key=lambda cause: (-len(found[cause]), order.index(cause)))
        causes = [Finding(cause, listed(found[cause])) for cause in ranked]
        if not predicted.parsed:
            lines = predicted.broken_lines
            detail = f"{lines} unreadable line{'s' * (lines != 1)}" if lines else "no answer"
            causes.insert(0, Finding("unparsable", detail))
        return tuple(causes)


def _mistakes(predicted: list[Entity], expected: list[Entity]) -> dict[str, list[str]]:
    """Return cause -> one text for each mistake; the lists are emptied while pairs are made."""
    found: dict[str, list[str]] = {}
    for first in list(predicted):
        second = next((entity for entity in expected if entity[0] == first[0]), None)
        if second is not None:
            predicted.remove(first)
            expected.remove(second)
            words = f"{first[0]}: {first[1]}, not {second[1]}"
            found.setdefault("label", []).append(words)
    for first in list(predicted):
        second = _overlapping(first, expected)
        if second is not None:
            predicted.remove(first)
            expected.remove(second)
            found.setdefault("boundary", []).append(f"{first[0]}, not {second[0]}")
            if first[1] != second[1]:
                words = f"{first[0]}: {first[1]}, not {second[1]}"
                found.setdefault("label", []).append(words)
    for cause, rest in (("missed", expected), ("spurious", predicted)):
        if rest:
            found[cause] = [f"{text} ({label})" for text, label in rest]
    return found


def _overlapping(entity: Entity, others: list[Entity]) -> Entity | None:
    """Return the entity that overlaps in text; one with the same label comes first."""
    text, label = entity
    near = [other for other in others if _overlap(text, other[0])]
    return min(near, key=lambda other: other[1] != label, default=None)


def _overlap(first: str, second: str) -> bool:
    return first in second or second in first or bool(set(first.split()) & set(second.split()))
