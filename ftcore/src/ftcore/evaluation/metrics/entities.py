"""Strict entity precision, recall and F1, and what else says whether the extraction works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ftcore.errors import DataError, Problem
from ftcore.evaluation.entities import parse_entities, parse_reference
from ftcore.evaluation.metric import Array, Example, MeanMetric, Metric, MetricContext, ratio

_SOURCE = (
    "an entity is correct where text and label equal one of the reference's, each of which "
    "can be met once; an unreadable line counts as one spurious entity "
    "(micro average, strict matching as in SemEval-2013 task 9)."
)


class _EntityMetric(Metric):
    """Micro figures from entities correct, predicted and in the reference."""

    columns: ClassVar[tuple[str, ...]] = ("correct", "predicted", "reference")

    def problems(self, examples: Sequence[Example], context: MetricContext) -> list[Problem]:
        """Return one problem for each reference that does not keep the format."""
        return reference_problems(examples, context)

    def score_row(self, example: Example, context: MetricContext) -> tuple[float, ...]:
        """Return the row's numbers of entities correct, predicted and in the reference."""
        reference = parse_reference(example.reference, context.no_entity, example.row_id)
        predicted = parse_entities(example.prediction, context.no_entity)
        correct = (predicted.entities & reference.entities).total()
        spurious = predicted.broken_lines
        return (
            float(correct),
            float(predicted.entities.total() + spurious),
            float(reference.entities.total()),
        )


class EntityF1(_EntityMetric):
    """Strict micro F1 over entities.

    Unit: share, 0 to 1. Higher is better. Undefined where neither side has an entity. Source:
    SemEval-2013 task 9 (strict matching).
    """

    name: ClassVar[str] = "entity_f1"
    title: ClassVar[str] = "Entity F1 (strict, micro)"
    definition: ClassVar[str] = f"Twice the correct entities over all on both sides; {_SOURCE}"

    def aggregate(self, sums: Array) -> Array:
        """Return F1; NaN where neither side has an entity."""
        return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


class EntityPrecision(_EntityMetric):
    """Strict micro precision over entities.

    Unit: share, 0 to 1. Higher is better. 0 where nothing was predicted though there was
    something to find. Source: as entity_f1.
    """

    name: ClassVar[str] = "entity_precision"
    title: ClassVar[str] = "Entity precision"
    definition: ClassVar[str] = f"Correct entities over predicted ones; {_SOURCE}"

    def aggregate(self, sums: Array) -> Array:
        """Return precision; NaN where neither side has an entity."""
        return share(sums[..., 0], sums[..., 1], sums[..., 2])


class EntityRecall(_EntityMetric):
    """Strict micro recall over entities.

    Unit: share, 0 to 1. Higher is better. 0 where something was predicted though there was
    nothing to find. Source: as entity_f1.
    """

    name: ClassVar[str] = "entity_recall"
    title: ClassVar[str] = "Entity recall"
    definition: ClassVar[str] = f"Correct entities over those of the references; {_SOURCE}"

    def aggregate(self, sums: Array) -> Array:
        """Return recall; NaN where neither side has an entity."""
        return share(sums[..., 0], sums[..., 2], sums[..., 1])


class EntityParseRate(MeanMetric):
    """Share of answers that keep the format.

    Unit: share, 0 to 1. Higher is better. Source: the definition is ft's.
    """

    name: ClassVar[str] = "entity_parse_rate"
    title: ClassVar[str] = "Answers that parse"
    yes_no: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "Share of answers that are the no-entity sentence, or nothing but JSON objects with "
        "entity_text and entity_label, one a line (ft's own definition)."
    )

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return 1 where every line of the answer parses."""
        return float(parse_entities(example.prediction, context.no_entity).parsed)


class NoEntityAccuracy(MeanMetric):
    """Share of the rows without entities that are answered so.

    Unit: share, 0 to 1, over the rows whose reference has no entity. Higher is better. Source:
    the definition is ft's.
    """

    name: ClassVar[str] = "no_entity_accuracy"
    title: ClassVar[str] = "No-entity accuracy"
    yes_no: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "Of the rows whose reference has no entity, the share answered with the no-entity "
        "sentence and nothing else (ft's own definition)."
    )

    def applies(self, example: Example) -> bool:
        """Return whether the reference holds no entity line."""
        return not parse_entities(example.reference, "").entities

    def problems(self, examples: Sequence[Example], context: MetricContext) -> list[Problem]:
        """Return one problem for each reference that does not keep the format."""
        return reference_problems(examples, context)

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return 1 where the answer is the no-entity sentence."""
        parse_reference(example.reference, context.no_entity, example.row_id)
        return float(parse_entities(example.prediction, context.no_entity).none)


def share(correct: Array, base: Array, other: Array) -> Array:
    """Return ``correct / base``; 0 where only ``base`` is 0, NaN where ``other`` is 0 too."""
    share = ratio(correct, base)
    return np.where((base == 0) & (other > 0), 0.0, share)


def reference_problems(examples: Sequence[Example], context: MetricContext) -> list[Problem]:
    """Return one problem for each reference that does not keep the format."""
    found = []
    for example in examples:
        try:
            parse_reference(example.reference, context.no_entity, example.row_id)
        except DataError as error:
            found.append(Problem(error.message, fix=error.hint, code=error.code))
    return found


METRICS: tuple[type[Metric], ...] = (
    EntityF1,
    EntityPrecision,
    EntityRecall,
    EntityParseRate,
    NoEntityAccuracy,
)
