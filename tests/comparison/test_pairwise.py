"""Pairs of variants: what a difference is about, what is refused, what ranking is supported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ftcore.comparison.disagreements import find_disagreements
from ftcore.comparison.pairwise import OTHER_ROWS, compare_two, compare_variants, rank
from ftcore.comparison.spread import spread
from ftcore.comparison.variants import ScoredRun, Variant
from ftcore.evaluation.intervals import Interval
from ftcore.evaluation.score import MetricScore, Scores

MAIN = "exact_match"


def score(right: Sequence[int], name: str = MAIN, ids: Sequence[str] | None = None) -> MetricScore:
    counts = np.stack([np.array(right, dtype=float), np.ones(len(right))], axis=1)
    ids = ids or [f"row{place}" for place in range(len(right))]
    values = counts[:, 0]
    interval = Interval(0.0, 1.0)
    return MetricScore(
        name, float(values.mean()), interval, tuple(ids), counts, values, ("hits", "rows")
    )


def run(seed: int, right: Sequence[int], **options: Sequence[str]) -> ScoredRun:
    return ScoredRun(f"run-{seed}", seed, Scores({MAIN: score(right, **options)}, 0, 200))


def draws(name: str, chance: float, seeds: Sequence[int], rows: int = 60) -> Variant:
    rng = np.random.default_rng(round(chance * 100) + len(seeds))
    hits = [(rng.random(rows) < chance).astype(int).tolist() for _ in seeds]
    return Variant(name, tuple(run(s, h) for s, h in zip(seeds, hits, strict=True)))


def test_one_run_a_side_is_about_these_rows_only() -> None:
    one = Variant("a", (run(1, [1] * 20),))
    other = Variant("b", (run(1, [0] * 20),))
    (pair,) = compare_variants([one, other], MAIN)
    assert (pair.scope, pair.matched, pair.seeds) == ("rows", True, ((1,), (1,)))
    assert pair.found is not None
    assert pair.found.significant
    assert not pair.shown  # of the runs, not of the variants
    ranking = rank([one, other], [pair], MAIN)
    assert ranking is not None
    assert ranking.order == ("a", "b")
    assert ranking.leaders == ("a", "b")
    assert not ranking.supported


def test_one_side_with_one_run_is_compared_by_the_seed_that_both_have() -> None:
    one, other = draws("a", 0.5, [1, 2, 3]), draws("b", 0.6, [3])
    pair = compare_two(one, other, MAIN)
    assert (pair.scope, pair.seeds) == ("rows", ((3,), (3,)))


def test_same_seeds_are_matched_and_others_are_not() -> None:
    one = draws("a", 0.5, [1, 2, 3])
    other = draws("b", 0.6, [1, 2, 3])
    back = Variant("b", tuple(reversed(other.runs)))
    pair, turned = (compare_two(one, variant, MAIN) for variant in (other, back))
    assert pair.matched
    assert pair.found == turned.found
    apart = compare_two(one, draws("c", 0.6, [4, 5]), MAIN)
    assert (apart.scope, apart.matched, apart.seeds) == ("seeds", False, ((1, 2, 3), (4, 5)))


def test_other_test_rows_are_refused_and_rows_in_another_order_are_not() -> None:
    one = Variant("a", (run(1, [1, 0, 1], ids=["x", "y", "z"]),))
    turned = Variant("b", (run(1, [1, 1, 0], ids=["x", "z", "y"]),))
    pair = compare_two(one, turned, MAIN)
    assert pair.identical
    other = Variant("c", (run(1, [1, 0, 1], ids=["x", "y", "w"]),))
    refused = compare_two(one, other, MAIN)
    assert (refused.scope, refused.found, refused.reason) == ("none", None, OTHER_ROWS)
    ranking = rank([one, other], [refused], MAIN)
    assert ranking is not None
    assert not ranking.supported


def test_the_same_answers_of_every_seed_are_identical() -> None:
    one = draws("a", 0.5, [1, 2, 3])
    pair = compare_two(one, Variant("b", one.runs), MAIN)
    assert pair.identical
    assert pair.found is not None
    assert pair.found.p_value == 1


def test_a_ranking_needs_differences_over_seeds() -> None:
    seeds = [1, 2, 3, 4, 5]
    good, worse = draws("good", 0.9, seeds), draws("worse", 0.3, seeds)
    pairs = compare_variants([worse, good], MAIN)
    ranking = rank([worse, good], pairs, MAIN)
    assert ranking is not None
    assert (ranking.order, ranking.leaders) == (("good", "worse"), ("good",))
    assert ranking.supported
    assert ranking.complete


def test_many_pairs_are_corrected_together() -> None:
    seeds = [1, 2, 3, 4, 5]
    variants = [draws(name, p, seeds) for name, p in (("a", 0.4), ("b", 0.55), ("c", 0.9))]
    pairs = compare_variants(variants, MAIN)
    alone = compare_two(variants[0], variants[1], MAIN).found
    first = pairs[0].found
    assert first is not None
    assert alone is not None
    assert first.p_adjusted >= alone.p_value
    assert first.p_value == alone.p_value


def test_the_spread_has_parts() -> None:
    seeds = [1, 2, 3]
    far = [draws("a", 0.2, seeds, 400), draws("b", 0.8, seeds, 400)]
    found = spread(far, MAIN)
    assert found.seeds is not None
    assert found.seeds < 0.06
    assert found.variants == pytest.approx(0.42, abs=0.05)
    assert found.rows is not None
    near = spread([far[0], Variant("same", far[0].runs)], MAIN)
    assert near.variants == 0
    alone = spread([draws("a", 0.2, [1]), draws("b", 0.8, [1])], MAIN)
    assert (alone.seeds, alone.variants) == (None, None)


def test_rows_that_one_gets_right_and_another_wrong() -> None:
    one = Variant("a", (run(1, [1, 1, 0, 0]), run(2, [1, 0, 0, 0])))
    other = Variant("b", (run(1, [1, 0, 1, 0]), run(2, [1, 0, 1, 0])))
    found = find_disagreements([one, other], MAIN)
    assert found.judged
    assert [row.row_id for row in found.rows] == ["row2", "row1"]
    assert found.rows[0].shares == {"a": 0.0, "b": 1.0}
    (counts,) = found.pairs
    assert (counts.both, counts.only_one, counts.only_other, counts.neither) == (1, 0, 1, 2)


def test_a_judgement_of_rows_goes_before_the_metric() -> None:
    judged = {f"row{place}": place == 3 for place in range(4)}
    one = Variant("a", (ScoredRun("r", 1, run(1, [1, 1, 0, 0]).scores, judged),))
    other = Variant("b", (run(1, [1, 1, 0, 0]),))
    found = find_disagreements([one, other], MAIN)
    assert [row.row_id for row in found.rows] == ["row0", "row1", "row3"]
