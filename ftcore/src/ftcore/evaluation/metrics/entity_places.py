"""Partial entity precision, recall and F1: half a point for an entity with other boundaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ftcore.errors import Problem
from ftcore.evaluation.entities import Entity, parse_entities, parse_reference
from ftcore.evaluation.metric import Array, Example, Metric, MetricContext, ratio
from ftcore.evaluation.metrics.entities import reference_problems, share

_SOURCE = (
    "an entity at the same place as one of the reference's counts 1, one that overlaps counts "
    "1/2, its label does not matter, each can be met once; places are found by searching the text "
    "of the row; an unreadable line counts as one spurious entity "
    "(micro average, partial matching as in SemEval-2013 task 9)."
)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an entity stands in the row's text, in characters; ``end`` is exclusive."""

    start: int
    end: int

    def overlaps(self, other: Place) -> bool:
        """Return whether the two share a character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Placed:
    """Entities in the order of their places, and the texts that stand nowhere (any more)."""

    places: tuple[Place, ...]
    elsewhere: Counter[str]


def row_text(example: Example) -> str:
    """Return the text that the row's entities are in: its field ``text``, else the last question.

    Empty where the row has neither.
    """
    text = example.fields.get("text")
    if isinstance(text, str):
        return text
    asked = [message.content for message in example.prompt if message.role == "user"]
    return asked[-1] if asked else ""


def placed(entities: Counter[Entity], text: str) -> Placed:
    """Find each entity in the text: longer ones first, each at the first place that is free.

    An entity that only occurs inside others takes its first place there.
    """
    taken: list[Place] = []
    elsewhere: Counter[str] = Counter()
    for words, _ in sorted(entities.elements(), key=lambda entity: (-len(entity[0]), entity)):
        found = list(_occurrences(words, text))
        free = [place for place in found if not any(place.overlaps(other) for other in taken)]
        left = free or [place for place in found if place not in taken]
        if left:
            taken.append(left[0])
        else:
            elsewhere[words] += 1
    return Placed(tuple(sorted(taken)), elsewhere)


def matches(predicted: Placed, reference: Placed) -> tuple[int, int]:
    """Return the numbers of predicted entities at a reference's place, and overlapping one.

    Equal places are matched first, the others in the order of the text. Entities that stand
    nowhere match by their words.
    """
    exact = set(predicted.places) & set(reference.places)
    open_places = [place for place in reference.places if place not in exact]
    partial = 0
    for place in predicted.places:
        if place in exact:
            continue
        met = next((other for other in open_places if place.overlaps(other)), None)
        if met is not None:
            open_places.remove(met)
            partial += 1
    return len(exact) + (predicted.elsewhere & reference.elsewhere).total(), partial


def partial_counts(
    predicted: Counter[Entity], reference: Counter[Entity], text: str
) -> tuple[int, int]:
    """Return ``matches`` of two sets of entities in one text."""
    return matches(placed(predicted, text), placed(reference, text))


class _Partial(Metric):
    """Micro figures from entities at the right place, overlapping, predicted, in the reference."""

    columns: ClassVar[tuple[str, ...]] = ("correct", "partial", "predicted", "reference")

    def problems(self, examples: Sequence[Example], context: MetricContext) -> list[Problem]:
        """Return one problem for each reference that does not keep the format."""
        return reference_problems(examples, context)

    def score_row(self, example: Example, context: MetricContext) -> tuple[float, ...]:
        """Return the row's numbers of entities."""
        reference = parse_reference(example.reference, context.no_entity, example.row_id).entities
        parsed = parse_entities(example.prediction, context.no_entity)
        correct, partial = partial_counts(parsed.entities, reference, row_text(example))
        predicted = parsed.entities.total() + parsed.broken_lines
        return float(correct), float(partial), float(predicted), float(reference.total())


class EntityPartialF1(_Partial):
    """Partial micro F1 over entities.

    Unit: share, 0 to 1. Higher is better. Undefined where neither side has an entity. Source:
    SemEval-2013 task 9 (partial matching).
    """

    name: ClassVar[str] = "entity_partial_f1"
    title: ClassVar[str] = "Entity F1 (partial, micro)"
    definition: ClassVar[str] = f"Twice the points over all entities on both sides; {_SOURCE}"

    def aggregate(self, sums: Array) -> Array:
        """Return F1; NaN where neither side has an entity."""
        return ratio(2 * sums[..., 0] + sums[..., 1], sums[..., 2] + sums[..., 3])


class EntityPartialPrecision(_Partial):
    """Partial micro precision over entities.

    Unit: share, 0 to 1. Higher is better. Source: as entity_partial_f1.
    """

    name: ClassVar[str] = "entity_partial_precision"
    title: ClassVar[str] = "Entity precision (partial)"
    definition: ClassVar[str] = f"Points over predicted entities; {_SOURCE}"

    def aggregate(self, sums: Array) -> Array:
        """Return precision; NaN where neither side has an entity."""
        return share(sums[..., 0] + sums[..., 1] / 2, sums[..., 2], sums[..., 3])


class EntityPartialRecall(_Partial):
    """Partial micro recall over entities.

    Unit: share, 0 to 1. Higher is better. Source: as entity_partial_f1.
    """

    name: ClassVar[str] = "entity_partial_recall"
    title: ClassVar[str] = "Entity recall (partial)"
    definition: ClassVar[str] = f"Points over the references' entities; {_SOURCE}"

    def aggregate(self, sums: Array) -> Array:
        """Return recall; NaN where neither side has an entity."""
        return share(sums[..., 0] + sums[..., 1] / 2, sums[..., 3], sums[..., 2])


def _occurrences(words: str, text: str) -> Iterator[Place]:
    start = text.find(words)
    while start >= 0:
        yield Place(start, start + len(words))
        start = text.find(words, start + 1)


METRICS: tuple[type[Metric], ...] = (EntityPartialF1, EntityPartialPrecision, EntityPartialRecall)
