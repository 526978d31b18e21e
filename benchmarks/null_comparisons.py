"""Compares a backend with itself, again and again: how often is a difference found that is none?

    python benchmarks/null_comparisons.py                  simulated seeds: a known truth
    python benchmarks/null_comparisons.py RUN RUN ...      stored runs of one variant, by seed
    python benchmarks/null_comparisons.py --recipe R.toml --seeds 10 [--backend B] [--python P]
                                                           trains what is missing first

Each comparison of stored runs draws two groups of seeds without a common one, and the test rows
with replacement, and asks `ft compare`'s own test whether they differ. The bar: at most 8% do.
Exit code 1 above it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ftcore.comparison.seeds import difference_over_seeds
from ftcore.comparison.variants import aligned, metric_of
from ftcore.evaluation.resampling import Aggregate, Array
from ftcore.evaluation.score import MetricScore, Scores
from ftcore.evaluation.statistics import paired_difference
from ftcore.runs.listing import find_run, runs_root

BAR, LEVEL = 0.08, 0.05


def mean(sums: Array) -> Array:
    """A share of rows."""
    return np.asarray(sums[..., 0] / sums[..., 1])


def micro_f1(sums: Array) -> Array:
    """2 true / (found + wanted)."""
    return np.asarray(2 * sums[..., 0] / (sums[..., 1] + sums[..., 2]))


def shares(rng: np.random.Generator, seeds: int, rows: int, lift: float = 0.0) -> list[Array]:
    """Yes/no rows: some are easy for every seed, and a seed is better or worse on all of them."""
    difficulty = rng.normal(0.5, 1.5, size=rows)
    skill = rng.normal(0, 0.4, size=seeds)
    found = []
    for seed in range(seeds):
        shift = lift if seed >= seeds // 2 else 0.0
        chance = 1 / (1 + np.exp(-(difficulty + skill[seed] + shift)))
        found.append(np.stack([rng.random(rows) < chance, np.ones(rows)], axis=1).astype(float))
    return found


def entities(rng: np.random.Generator, seeds: int, rows: int, lift: float = 0.0) -> list[Array]:
    """Rows with 0 to 4 entities each, found or not, and now and then one that is not there."""
    wanted = rng.integers(0, 5, size=rows)
    difficulty = rng.normal(1.0, 1.0, size=rows)
    skill = rng.normal(0, 0.3, size=seeds)
    found = []
    for seed in range(seeds):
        shift = lift if seed >= seeds // 2 else 0.0
        true = rng.binomial(wanted, 1 / (1 + np.exp(-(difficulty + skill[seed] + shift))))
        extra = rng.poisson(0.3, size=rows)
        found.append(np.stack([true, true + extra, wanted], axis=1).astype(float))
    return found


def simulated(times: int) -> bool:
    """Print the rates for several numbers of seeds and rows; return whether all are in the bar."""
    kinds: list[tuple[str, Callable[..., list[Array]], Aggregate]] = [
        ("share", shares, mean),
        ("micro F1", entities, micro_f1),
    ]
    print(f"{times} comparisons each; share that finds a difference at {LEVEL:.0%}")
    print("metric    rows seeds  none: by seeds  matched  one run each | true difference: by seeds")
    fine = True
    for name, make, aggregate in kinds:
        for rows in (30, 134):
            for seeds in (2, 3, 5, 10):
                rng = np.random.default_rng([rows, seeds])
                rates = np.zeros(4)
                for _ in range(times):
                    runs = make(rng, 2 * seeds, rows)
                    lifted = make(rng, 2 * seeds, rows, lift=0.8)
                    rates += [
                        by_seeds(runs, seeds, aggregate, matched=False),
                        by_seeds(runs, seeds, aggregate, matched=True),
                        by_rows(runs, aggregate),
                        by_seeds(lifted, seeds, aggregate, matched=False),
                    ]
                rates /= times
                fine &= bool(max(rates[:2]) <= BAR)
                print(
                    f"{name:8} {rows:5} {seeds:5} {rates[0]:15.1%} {rates[1]:8.1%} {rates[2]:13.1%}"
                    f" {rates[3]:26.1%}"
                )
    return fine


def by_seeds(runs: Sequence[Array], seeds: int, aggregate: Aggregate, *, matched: bool) -> bool:
    """Whether the first ``seeds`` runs differ from the next ones."""
    sides = runs[:seeds], runs[seeds : 2 * seeds]
    return difference_over_seeds(*sides, aggregate, matched=matched).p_value < LEVEL


def by_rows(runs: Sequence[Array], aggregate: Aggregate) -> bool:
    """Whether two single runs differ on these rows: no statement about what made them."""
    return paired_difference(runs[0], runs[-1], aggregate, resamples=200, seed=0).p_value < LEVEL


def stored(found: Sequence[Scores], times: int, side: int) -> bool:
    """Print the rate for every metric of stored runs; return whether all are in the bar."""
    rng = np.random.default_rng(0)
    print(f"{len(found)} seeds; {times} comparisons of {side} against {side}, rows drawn anew")
    print("metric                   mean  sd of seeds  by seeds  matched  one run each")
    fine = True
    for name, scored in by_metric(found):
        about = metric_of(name)
        counts = aligned(scored)
        scores = [score.value for score in scored]
        rates = np.zeros(3)
        for _ in range(times):
            chosen = rng.permutation(len(counts))[: 2 * side]
            rows = rng.integers(0, len(counts[0]), size=len(counts[0]))
            runs = [counts[place][rows] for place in chosen]
            rates += [
                by_seeds(runs, side, about.aggregate, matched=False),
                by_seeds(runs, side, about.aggregate, matched=True),
                by_rows(runs, about.aggregate),
            ]
        rates /= times
        fine &= bool(max(rates[:2]) <= BAR)
        print(
            f"{name:22} {np.mean(scores):6.3f} {np.std(scores, ddof=1):12.4f} {rates[0]:9.1%} "
            f"{rates[1]:8.1%} {rates[2]:13.1%}"
        )
    return fine


def by_metric(found: Sequence[Scores]) -> Iterator[tuple[str, list[MetricScore]]]:
    """Yield each metric with its score in every run."""
    for name in found[0].metrics:
        yield name, [scores[name] for scores in found]


def read(names: Sequence[str], root: Path) -> list[Scores]:
    """Read the scores after training of stored runs."""
    found = []
    for name in names:
        metrics = find_run(name, root).read_json("metrics.json")
        found.append(Scores.from_json(metrics["scores"]["after"]))
    return found


def trained(options: argparse.Namespace) -> list[str]:
    """Run what is missing by `ftcore.compare`, and return the runs."""
    import ftcore

    result = ftcore.compare(
        options.recipe,
        backends=[options.backend] if options.backend else (),
        seeds=options.seeds,
        parity=False,
        python=options.python,
        runs=options.runs,
    )
    return [str(cell.run) for cell in result.cells if cell.run]


def main() -> int:
    """Print the rates; return the exit code."""
    parser = argparse.ArgumentParser(description="How often nothing is called a difference.")
    parser.add_argument("names", nargs="*", metavar="RUN")
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--side", type=int, help="seeds a side  [default: half of them]")
    parser.add_argument("--recipe")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--backend")
    parser.add_argument("--python")
    parser.add_argument("--runs")
    options = parser.parse_args()
    names = options.names or (trained(options) if options.recipe else [])
    if names:
        found = read(names, runs_root(options.runs))
        fine = stored(found, options.times, options.side or len(found) // 2)
    else:
        fine = simulated(options.times)
    print(f"false differences: {'at most' if fine else 'MORE THAN'} {BAR:.0%}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
