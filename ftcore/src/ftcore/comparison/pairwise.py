"""Every pair of variants compared metric by metric, and what ranking that supports."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ftcore.comparison.seeds import difference_over_seeds
from ftcore.comparison.variants import Variant, aligned, metric_of, metrics_of, same_rows
from ftcore.evaluation.score import MetricScore
from ftcore.evaluation.statistics import PairedDifference, corrected, paired_difference

Scope = Literal["seeds", "rows", "none"]
OTHER_ROWS = "not compared: the test rows are not the same, or not counted alike"
NO_METRIC = "not compared: one of them was not scored by it"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two variants by one metric; the difference is ``other`` minus ``one``.

    ``scope`` says what the difference is about: "seeds", the variants, as far as their seeds show;
    "rows", two single runs on these test rows, which says nothing about the variants; "none", not
    compared, for the ``reason``. ``matched`` differences are taken within each seed. ``identical``
    pairs have the same counts on every row in every seed that is compared.
    """

    one: str
    other: str
    metric: str
    scope: Scope
    matched: bool = False
    seeds: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    found: PairedDifference | None = None
    identical: bool = False
    reason: str = ""

    @property
    def shown(self) -> bool:
        """Whether a difference between the variants, not only between two runs, is shown."""
        return self.scope == "seeds" and self.found is not None and self.found.significant


def compare_variants(variants: Sequence[Variant], main: str, *, level: float = 0.95) -> list[Pair]:
    """Compare every pair of variants by every metric that both have.

    The pairs of the ``main`` metric are corrected together by Holm's method; those of all other
    metrics together, apart from these.
    """
    pairs = [
        compare_two(one, other, metric)
        for metric in metrics_of(variants)
        for one, other in itertools.combinations(variants, 2)
    ]
    families = [pair.metric == main for pair in pairs]
    for family in (True, False):
        chosen = {
            str(place): pair.found
            for place, pair in enumerate(pairs)
            if families[place] is family and pair.found is not None
        }
        directions = {key: metric_of(pairs[int(key)].metric).higher_is_better for key in chosen}
        for key, found in corrected(chosen, directions, level=level).items():
            pairs[int(key)] = replace(pairs[int(key)], found=found)
    return pairs


def compare_two(one: Variant, other: Variant, metric: str) -> Pair:
    """Compare two variants by one metric, not corrected yet.

    With two seeds or more on both sides by seeds; otherwise by one run of each on these rows.
    """
    first, second = one.scored(metric), other.scored(metric)
    if not first or not second:
        return Pair(one.name, other.name, metric, "none", reason=NO_METRIC)
    if not same_rows([*first, *second]):
        return Pair(one.name, other.name, metric, "none", reason=OTHER_ROWS)
    if min(len(first), len(second)) < 2:
        return _by_rows(one, other, metric, first, second)
    matched = set(one.seeds) == set(other.seeds)
    if matched:
        by_seed = dict(zip(other.seeds, second, strict=True))
        second = tuple(by_seed[seed] for seed in one.seeds)
    order = first[0].row_ids
    before, after = aligned(first, order), aligned(second, order)
    about = metric_of(metric)
    found = difference_over_seeds(before, after, about.aggregate, matched=matched)
    same = matched and all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    seeds = (one.seeds, one.seeds if matched else other.seeds)
    return Pair(one.name, other.name, metric, "seeds", matched, seeds, found, same)


def _by_rows(
    one: Variant,
    other: Variant,
    metric: str,
    first: Sequence[MetricScore],
    second: Sequence[MetricScore],
) -> Pair:
    common = [seed for seed in one.seeds if seed in other.seeds]
    chosen = (common[0], common[0]) if common else (one.seeds[0], other.seeds[0])
    scores = first[one.seeds.index(chosen[0])], second[other.seeds.index(chosen[1])]
    before, after = aligned(scores, scores[0].row_ids)
    about, options = metric_of(metric), one.runs[0].scores
    found = paired_difference(
        before,
        after,
        about.aggregate,
        resamples=options.resamples,
        seed=options.seed,
        higher_is_better=about.higher_is_better,
        yes_no=about.yes_no,
    )
    seeds = ((chosen[0],), (chosen[1],))
    same = bool(np.array_equal(before, after))
    return Pair(one.name, other.name, metric, "rows", bool(common), seeds, found, same)


@dataclass(frozen=True, slots=True)
class Ranking:
    """What order of the variants the main metric supports.

    ``order`` is by value, best first, and alone proves nothing; ``leaders`` are the first of it
    and all that are not shown to be worse. ``supported`` says that some pair differs at all;
    ``complete`` that all pairs do, so that the order is a ranking.
    """

    metric: str
    order: tuple[str, ...]
    leaders: tuple[str, ...]
    supported: bool
    complete: bool


def rank(variants: Sequence[Variant], pairs: Sequence[Pair], main: str) -> Ranking | None:
    """Return the ranking by the main metric; None where it has no better direction."""
    higher = metric_of(main).higher_is_better
    means = {variant.name: variant.mean(main) for variant in variants}
    values = {name: m.value for name, m in means.items() if m is not None and m.value == m.value}
    if higher is None or not values:
        return None
    sign = -1 if higher else 1
    order = sorted(values, key=lambda name: sign * values[name])
    decided = {
        frozenset((pair.one, pair.other)): pair.shown for pair in pairs if pair.metric == main
    }
    best = order[0]
    leaders = [name for name in order if name == best or not decided[frozenset((best, name))]]
    return Ranking(main, tuple(order), tuple(leaders), any(decided.values()), all(decided.values()))
