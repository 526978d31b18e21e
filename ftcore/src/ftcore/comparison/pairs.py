"""How far two trainings are apart, step by step and in their final weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ftcore.comparison.record import CURVES, TrainingRecord
from ftcore.comparison.weights import WeightDifference, compare_weights


@dataclass(frozen=True, slots=True)
class Apart:
    """The largest difference of two curves: absolute, relative, and the first step (from 1).

    ``first`` is the first step at which they are not equal to the bit, None where they are. A curve
    that stops earlier, or is not a number where the other is, is infinitely far away.
    """

    largest: float = 0.0
    relative: float = 0.0
    first: int | None = None

    @property
    def same(self) -> bool:
        """Whether the curves are the same to the bit."""
        return self.first is None


@dataclass(frozen=True, slots=True)
class PairDifference:
    """Two trainings, compared."""

    one: str
    other: str
    loss: Apart
    grad_norm: Apart
    learning_rate: Apart
    weights: WeightDifference

    @property
    def same(self) -> bool:
        """Whether curves and final weights are the same to the bit."""
        curves = (self.loss, self.grad_norm, self.learning_rate)
        return self.weights.same and all(curve.same for curve in curves)

    @property
    def first(self) -> int | None:
        """The first step (from 1) at which loss or gradient norm differ."""
        return min((a.first for a in (self.loss, self.grad_norm) if a.first), default=None)


def compare_pair(one: TrainingRecord, other: TrainingRecord) -> PairDifference:
    """Compare the curves and the final weights of two trainings."""
    loss, norm, rate = (apart(one.curve(name), other.curve(name)) for name in CURVES)
    weights = compare_weights(one.weights, other.weights)
    return PairDifference(one.name, other.name, loss, norm, rate, weights)


def apart(one: Sequence[float | None], other: Sequence[float | None]) -> Apart:
    """Return how far two curves are apart."""
    largest = relative = 0.0
    first = None
    length = max(len(one), len(other))
    padded = (list(curve) + [None] * (length - len(curve)) for curve in (one, other))
    for step, (mine, theirs) in enumerate(zip(*padded, strict=True), 1):
        if mine == theirs:
            continue
        first = first or step
        gap = abs(mine - theirs) if mine is not None and theirs is not None else math.inf
        largest = max(largest, gap)
        size = max(abs(mine or 0.0), abs(theirs or 0.0))
        relative = max(relative, gap / size if size else gap)
    return Apart(largest, relative, first)
