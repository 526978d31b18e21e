"""Are ft's intervals and tests as good as they say? Simulated rows, whose truth is known.

    python benchmarks/intervals.py                      both parts, a few minutes on one core
    python benchmarks/intervals.py --rows 100 124 200 --simulations 2000 --out FILE.json

Coverage: the share of simulated test sets whose 95% interval holds the true value. Type-I error:
the share of comparisons of two equally good runs that are called different at 5%. Yes/no metrics
need no resampling and are simulated ten times as often. Exits 1 unless every coverage is 93-97% and
every type-I error 3-7%, which are the bars.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import ndtr  # type: ignore[import-untyped]

from ftcore.evaluation.metric import get_metric
from ftcore.evaluation.resampling import Aggregate, Array
from ftcore.evaluation.statistics import bootstrap_interval, paired_difference

Rng = np.random.Generator
# Counts of `rows` rows of two runs on the same rows, equally good in the long run.
Sampler = Callable[[Rng, int], tuple[Array, Array]]

TRUTH_ROWS = 2_000_000
MORE = 10  # times as many simulations where they cost little
COVERAGE, TYPE_ONE = (0.93, 0.97), (0.03, 0.07)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A metric and the law of its rows."""

    name: str
    sample: Sampler
    aggregate: Aggregate
    limits: tuple[float, float] = (0.0, 1.0)
    yes_no: bool = False


def yes_no(share: float) -> Scenario:
    """Rows right with probability ``share``; the two runs agree more often than by chance."""

    def sample(rng: Rng, rows: int) -> tuple[Array, Array]:
        same, first, second = (rng.random(rows) < share for _ in range(3))
        shared = rng.random(rows) < 0.4
        runs = (np.where(shared, same, one).astype(float) for one in (first, second))
        a, b = (np.stack([run, np.ones(rows)], axis=1) for run in runs)
        return a, b

    return Scenario(
        f"yes/no, {share:g}", sample, get_metric("exact_match")().aggregate, yes_no=True
    )


def mean(value: float) -> Scenario:
    """Scores like token F1: some 0, some 1, the rest in between; ``value`` is their mean."""

    def sample(rng: Rng, rows: int) -> tuple[Array, Array]:
        hard, runs = rng.normal(size=rows), []
        for _ in range(2):
            place = ndtr(0.7 * hard + math.sqrt(0.51) * rng.normal(size=rows))
            score = rng.beta(4 * value, 4 * (1 - value), size=rows)
            score = np.where(place < 0.6 * (1 - value), 0.0, score)
            score = np.where(place > 1 - 0.6 * value, 1.0, score)
            runs.append(np.stack([score, np.ones(rows)], axis=1))
        return runs[0], runs[1]

    return Scenario(f"mean, {value:g}", sample, get_metric("token_f1")().aggregate)


def micro_f1(level: float, empty: float) -> Scenario:
    """Entities found with a probability of each row's own; ``empty`` rows have none to find."""

    def sample(rng: Rng, rows: int) -> tuple[Array, Array]:
        has = rng.random(rows) >= empty
        reference = np.where(has, 1 + rng.poisson(1.0, rows), 0)
        found = rng.beta(3 * level, 3 * (1 - level), rows)
        runs = []
        for _ in range(2):
            correct = rng.binomial(reference, found)
            spurious = rng.poisson((1 - level) * np.where(has, 1.2, 0.25))
            columns = [correct, correct + spurious, reference]
            runs.append(np.stack(columns, axis=1).astype(float))
        return runs[0], runs[1]

    name = f"micro F1, {level:g}, {empty:.0%} rows without entities"
    return Scenario(name, sample, get_metric("entity_f1")().aggregate)


def corpus_bleu(level: float) -> Scenario:
    """Answers of 6 to 30 words whose n-grams match with a probability of each row's own."""

    def sample(rng: Rng, rows: int) -> tuple[Array, Array]:
        length = rng.integers(6, 30, rows)
        found = np.clip(rng.beta(4 * level, 4 * (1 - level), rows), 0.02, 0.99)
        runs = []
        for _ in range(2):
            words = np.maximum(4, length + rng.integers(-3, 4, rows))
            total = np.stack([words - order for order in range(4)], axis=1)
            chance = np.stack([found ** (1 + 0.6 * order) for order in range(4)], axis=1)
            correct = rng.binomial(total, chance)
            columns = np.concatenate([words[:, None], length[:, None], correct, total], axis=1)
            runs.append(columns.astype(float))
        return runs[0], runs[1]

    aggregate = get_metric("corpus_bleu")().aggregate
    return Scenario(f"corpus BLEU, {level:g}", sample, aggregate, limits=(0.0, 100.0))


def scenarios() -> list[Scenario]:
    """Return yes/no metrics, means and ratios, with values from about 0.1 to about 0.9."""
    return [
        *(yes_no(share) for share in (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)),
        *(mean(value) for value in (0.1, 0.25, 0.5, 0.75, 0.9)),
        *(micro_f1(level, 0.6) for level in (0.1, 0.3, 0.5, 0.8, 0.9)),
        *(micro_f1(level, 0.1) for level in (0.5, 0.9)),
        *(corpus_bleu(level) for level in (0.25, 0.4, 0.6, 0.85)),
    ]


def truth(scenario: Scenario) -> float:
    """Return the metric on very many rows."""
    rng = np.random.default_rng(12345)
    parts = [scenario.sample(rng, 20_000)[0].sum(axis=0) for _ in range(TRUTH_ROWS // 20_000)]
    return float(scenario.aggregate(np.sum(parts, axis=0)))


def simulate(
    scenario: Scenario, rows: int, simulations: int, resamples: int, seed: int
) -> tuple[float, float]:
    """Return coverage of the true value, and the share of null comparisons called different."""
    rng, value = np.random.default_rng(seed), truth(scenario)
    covered = different = 0
    for number in range(simulations):
        before, after = scenario.sample(rng, rows)
        interval = bootstrap_interval(
            before,
            scenario.aggregate,
            resamples=resamples,
            seed=number,
            limits=scenario.limits,
            yes_no=scenario.yes_no,
        )
        covered += interval.low <= value <= interval.high
        compared = paired_difference(
            before,
            after,
            scenario.aggregate,
            resamples=resamples,
            seed=number,
            yes_no=scenario.yes_no,
        )
        different += compared.significant
    return covered / simulations, different / simulations


def main() -> int:
    """Print a line for each scenario and number of rows; return the exit code."""
    parser = argparse.ArgumentParser(description="Coverage and type-I error on simulated rows.")
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 200])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="scenarios whose name begins so")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results, start = [], time.monotonic()
    print(f"{'scenario':42} {'rows':>5} {'true':>7} {'coverage':>9} {'type I':>7}")
    for scenario in scenarios():
        if not scenario.name.startswith(options.only):
            continue
        for rows in options.rows:
            simulations = options.simulations * (MORE if scenario.yes_no else 1)
            covered, error = simulate(scenario, rows, simulations, options.resamples, options.seed)
            inside = COVERAGE[0] <= covered <= COVERAGE[1] and TYPE_ONE[0] <= error <= TYPE_ONE[1]
            value = truth(scenario)
            results.append(
                {"scenario": scenario.name, "rows": rows, "true": value}
                | {"coverage": covered, "type_one": error, "inside": inside}
            )
            mark = "" if inside else "  OUTSIDE"
            line = f"{scenario.name:42} {rows:>5} {value:7.3f} {covered:9.1%} {error:7.1%}{mark}"
            print(line, flush=True)
    outside = sum(not result["inside"] for result in results)
    seconds = time.monotonic() - start
    print(f"{len(results)} cells, {outside} outside the bars, {seconds:.0f} s")
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return int(outside > 0)


if __name__ == "__main__":
    sys.exit(main())
