"""Entity figures by label: averages over labels, and the rows as one label alone sees them."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ftcore.errors import Problem
from ftcore.evaluation.entities import Entity, parse_entities, parse_reference
from ftcore.evaluation.metric import Array, Example, Metric, MetricContext, ratio
from ftcore.evaluation.metrics.entities import reference_problems, share
from ftcore.evaluation.metrics.entity_places import partial_counts, row_text

_LABELS = (
    "over the recipe's labels (without a list: those of the references), labels that neither side "
    "uses left out; unreadable lines have no label and count nowhere"
)
_STRICT = f"{_LABELS} (macro average, strict matching as in SemEval-2013 task 9)."

# The metrics that also mean something for the entities of one label alone.
LABEL_METRICS = frozenset(
    f"entity_{kind}{figure}"
    for kind in ("", "partial_")
    for figure in ("f1", "precision", "recall")
)


def used_labels(examples: Sequence[Example], context: MetricContext) -> tuple[str, ...]:
    """Return the recipe's labels, or where it lists none the references' in alphabetical order."""
    if context.labels:
        return context.labels
    found = (parse_entities(example.reference, context.no_entity).entities for example in examples)
    return tuple(sorted({label for entities in found for _, label in entities}))


def by_label(examples: Sequence[Example], context: MetricContext) -> dict[str, list[Example]]:
    """Return the examples once for each label, with the entities of that label and no others.

    Unreadable lines have no label and are left out. Raises DataError for a broken reference.
    """
    return {
        label: [_only(label, example, context) for example in examples]
        for label in used_labels(examples, context)
    }


def _only(label: str, example: Example, context: MetricContext) -> Example:
    reference = parse_reference(example.reference, context.no_entity, example.row_id).entities
    predicted = parse_entities(example.prediction, context.no_entity).entities
    reference_text, prediction_text = (
        _written(_of(label, entities), context.no_entity) for entities in (reference, predicted)
    )
    return replace(example, reference=reference_text, prediction=prediction_text)


def _of(label: str, entities: Counter[Entity]) -> Counter[Entity]:
    return Counter({entity: count for entity, count in entities.items() if entity[1] == label})


def _written(entities: Counter[Entity], no_entity: str) -> str:
    lines = [
        json.dumps({"entity_text": text, "entity_label": label}, ensure_ascii=False)
        for text, label in entities.elements()
    ]
    return "\n".join(lines) or no_entity


class _ByLabel(Metric):
    """The mean over labels of a figure of each label; three counts a label."""

    def __init__(self) -> None:
        self._labels: tuple[str, ...] = ()

    def begin(self, examples: Sequence[Example], context: MetricContext) -> tuple[str, ...]:
        """Find the labels; returns the names of the counts, three for each label."""
        self._labels = used_labels(examples, context)
        return tuple(
            f"{label}: {what}"
            for label in self._labels
            for what in ("points", "predicted", "reference")
        )

    def problems(self, examples: Sequence[Example], context: MetricContext) -> list[Problem]:
        """Return one problem for each reference that does not keep the format."""
        return reference_problems(examples, context)

    def score_row(self, example: Example, context: MetricContext) -> tuple[float, ...]:
        """Return for each label the row's points, predicted entities and those to find."""
        reference = parse_reference(example.reference, context.no_entity, example.row_id).entities
        predicted = parse_entities(example.prediction, context.no_entity).entities
        counts: list[float] = []
        for label in self._labels:
            ours, theirs = _of(label, predicted), _of(label, reference)
            counts += [self.points(ours, theirs, example), ours.total(), theirs.total()]
        return tuple(counts)

    def points(
        self, predicted: Counter[Entity], reference: Counter[Entity], example: Example
    ) -> float:
        """Return the number of correct entities of one label."""
        return float((predicted & reference).total())

    def aggregate(self, sums: Array) -> Array:
        """Return the mean over the labels whose figure is defined; NaN where none is."""
        by_label = self.figure(sums[..., 0::3], sums[..., 1::3], sums[..., 2::3])
        defined = ~np.isnan(by_label)
        return ratio(np.where(defined, by_label, 0).sum(axis=-1), defined.sum(axis=-1))

    @abstractmethod
    def figure(self, points: Array, predicted: Array, reference: Array) -> Array:
        """Return each label's figure, NaN where neither side uses the label."""


class EntityMacroF1(_ByLabel):
    """Mean over labels of the strict F1.

    Unit: share, 0 to 1. Higher is better. Source: as entity_f1, averaged over labels.
    """

    name: ClassVar[str] = "entity_macro_f1"
    title: ClassVar[str] = "Entity F1 (strict, macro)"
    definition: ClassVar[str] = f"Mean of each label's entity_f1 {_STRICT}"

    def figure(self, points: Array, predicted: Array, reference: Array) -> Array:
        """Return each label's F1."""
        return ratio(2 * points, predicted + reference)


class EntityMacroPrecision(_ByLabel):
    """Mean over labels of the strict precision.

    Unit: share, 0 to 1. Higher is better. Source: as entity_precision, averaged over labels.
    """

    name: ClassVar[str] = "entity_macro_precision"
    title: ClassVar[str] = "Entity precision (macro)"
    definition: ClassVar[str] = f"Mean of each label's entity_precision {_STRICT}"

    def figure(self, points: Array, predicted: Array, reference: Array) -> Array:
        """Return each label's precision."""
        return share(points, predicted, reference)


class EntityMacroRecall(_ByLabel):
    """Mean over labels of the strict recall.

    Unit: share, 0 to 1. Higher is better. Source: as entity_recall, averaged over labels.
    """

    name: ClassVar[str] = "entity_macro_recall"
    title: ClassVar[str] = "Entity recall (macro)"
    definition: ClassVar[str] = f"Mean of each label's entity_recall {_STRICT}"

    def figure(self, points: Array, predicted: Array, reference: Array) -> Array:
        """Return each label's recall."""
        return share(points, reference, predicted)


class EntityPartialMacroF1(EntityMacroF1):
    """Mean over labels of the partial F1 within the label.

    Unit: share, 0 to 1. Higher is better. Source: as entity_partial_f1, averaged over labels.
    """

    name: ClassVar[str] = "entity_partial_macro_f1"
    title: ClassVar[str] = "Entity F1 (partial, macro)"
    definition: ClassVar[str] = (
        f"Mean of each label's entity_partial_f1 among its own entities {_LABELS} "
        "(macro average, partial matching as in SemEval-2013 task 9)."
    )

    def points(
        self, predicted: Counter[Entity], reference: Counter[Entity], example: Example
    ) -> float:
        """Return the number of correct entities of one label, overlapping ones half."""
        correct, partial = partial_counts(predicted, reference, row_text(example))
        return correct + partial / 2


METRICS: tuple[type[Metric], ...] = (
    EntityMacroF1,
    EntityMacroPrecision,
    EntityMacroRecall,
    EntityPartialMacroF1,
)
