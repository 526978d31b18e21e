"""One comparison as data: variants with their runs, what the statistics say, what it cost."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ftcore._version import __version__
from ftcore.comparison.certificate import Certificate
from ftcore.comparison.disagreements import Disagreements, find_disagreements
from ftcore.comparison.pairwise import Pair, Ranking, compare_variants, rank
from ftcore.comparison.seeds import SeedMean
from ftcore.comparison.spread import Spread, spread
from ftcore.comparison.variants import Variant, metrics_of
from ftcore.errors import InputError
from ftcore.report.compare_run import ComparedRun

KIND = "ft comparison"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class ComparedVariant:
    """Runs that differ in their seeds only; ``settings`` are what sets them apart from others."""

    name: str
    settings: Mapping[str, str]
    runs: tuple[ComparedRun, ...]

    def scored(self) -> Variant:
        """Return what the statistics look at."""
        return Variant(self.name, tuple(run.scored for run in self.runs))

    def cost(self, name: str) -> tuple[float, ...]:
        """Return a figure of `Costs` of each run that has it."""
        found = (getattr(run.costs, name) for run in self.runs)
        return tuple(float(value) for value in found if value is not None)


@dataclass(frozen=True, slots=True)
class FailedCell:
    """A run that was planned and did not come to its end, and why."""

    variant: str
    seed: int
    error: str
    run: str | None = None


@dataclass(frozen=True)
class Comparison:
    """What was compared and what came out.

    ``seeds_by`` says in words what the variants differ in; ``price`` is in any currency, for an
    hour of this machine. ``certificate`` is there where backends of one recipe were compared.
    """

    title: str
    seeds_by: str
    variants: tuple[ComparedVariant, ...]
    failed: tuple[FailedCell, ...] = ()
    certificate: Certificate | None = None
    notes: tuple[str, ...] = ()
    price: float | None = None
    created: float = 0.0

    @property
    def main(self) -> str:
        """The metric that decides: the first variant's."""
        return self.variants[0].runs[0].main

    @property
    def about(self) -> Mapping[str, Mapping[str, Any]]:
        """What each metric is: title, unit, definition, direction."""
        found: dict[str, Mapping[str, Any]] = {}
        for run in self.runs():
            found = {**run.about, **found}
        return {name: found[name] for name in self.metrics}

    @cached_property
    def scored(self) -> tuple[Variant, ...]:
        """The variants as the statistics see them."""
        return tuple(variant.scored() for variant in self.variants)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, the deciding one first."""
        names = metrics_of(self.scored)
        return (self.main, *(name for name in names if name != self.main))

    @cached_property
    def means(self) -> Mapping[str, Mapping[str, SeedMean]]:
        """Variant -> metric -> its mean over the seeds."""
        return {
            variant.name: {
                name: mean for name in self.metrics if (mean := variant.mean(name)) is not None
            }
            for variant in self.scored
        }

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every pair of variants by every metric."""
        return tuple(compare_variants(self.scored, self.main))

    @property
    def main_pairs(self) -> tuple[Pair, ...]:
        """The pairs by the deciding metric."""
        return tuple(pair for pair in self.pairs if pair.metric == self.main)

    @cached_property
    def ranking(self) -> Ranking | None:
        """What order the deciding metric supports."""
        return rank(self.scored, self.pairs, self.main)

    @cached_property
    def spread(self) -> Spread:
        """Where the spread of the deciding metric comes from."""
        return spread(self.scored, self.main)

    @cached_property
    def disagreements(self) -> Disagreements:
        """The rows on which the variants differ."""
        return find_disagreements(self.scored, self.main)

    def runs(self) -> Iterator[ComparedRun]:
        """Yield every run."""
        for variant in self.variants:
            yield from variant.runs

    def shared(self, name: str) -> str:
        """Return a fact of the manifests that all runs share, or nothing."""
        found = {str(getattr(run.manifest, name)) for run in self.runs()}
        return found.pop() if len(found) == 1 else ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data, as ``comparison.json`` holds it."""
        return {
            "kind": KIND,
            "format": FORMAT,
            "ft": __version__,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.created)),
            "title": self.title,
            "main_metric": self.main,
            "variants": [self._variant(variant) for variant in self.variants],
            "failed": [asdict(cell) for cell in self.failed],
            "metrics": {
                name: {key: about.get(key) for key in ("title", "unit", "definition")}
                | {"higher_is_better": about.get("higher_is_better")}
                for name, about in self.about.items()
            },
            "pairs": [asdict(pair) for pair in self.pairs],
            "ranking": None if self.ranking is None else asdict(self.ranking),
            "spread": asdict(self.spread),
            "disagreements": asdict(self.disagreements),
            "certificate": None if self.certificate is None else self.certificate.to_json(),
            "notes": list(self.notes),
            "price_per_hour": self.price,
        }

    def _variant(self, variant: ComparedVariant) -> dict[str, Any]:
        runs = [
            {
                "run": str(run.path),
                "seed": run.manifest.seed,
                "backend": run.manifest.backend,
                "model": run.manifest.model,
                "stream": run.plan.get("stream"),
                "code": run.environment.get("code"),
                "costs": asdict(run.costs),
            }
            for run in variant.runs
        ]
        return {
            "name": variant.name,
            "settings": dict(variant.settings),
            "metrics": {name: asdict(mean) for name, mean in self.means[variant.name].items()},
            "cost": self.cost(variant),
            "runs": runs,
        }

    def cost(self, variant: ComparedVariant) -> float | None:
        """Return what a run of the variant costs in the mean, where a price is given."""
        walls = variant.cost("wall")
        if self.price is None or not walls:
            return None
        return self.price * math.fsum(walls) / len(walls) / 3600


def make_comparison(
    variants: Sequence[ComparedVariant],
    *,
    title: str,
    seeds_by: str,
    failed: Sequence[FailedCell] = (),
    certificate: Certificate | None = None,
    notes: Sequence[str] = (),
    price: float | None = None,
) -> Comparison:
    """Return the comparison; `InputError` where no run finished."""
    finished = tuple(variant for variant in variants if variant.runs)
    if not finished:
        raise InputError("there is no finished run to compare", code="compare.nothing")
    return Comparison(
        title=title,
        seeds_by=seeds_by,
        variants=finished,
        failed=tuple(failed),
        certificate=certificate,
        notes=(*notes, *_remarks(finished)),
        price=price,
        created=time.time(),
    )


def _remarks(variants: Sequence[ComparedVariant]) -> Iterator[str]:
    """Yield what a reader must know before believing the figures."""
    runs = [run for variant in variants for run in variant.runs]
    mains = list(dict.fromkeys(run.main for run in runs))
    if len(mains) > 1:
        yield f"the recipes name different deciding metrics ({', '.join(mains)}); {mains[0]} it is"
    slices = {run.main_slice for run in runs if run.main_slice}
    if slices:
        yield (
            f"the recipe decides by the rows of {', '.join(sorted(slices))}; "
            "the comparison takes all test rows"
        )
    codes = {str(run.environment.get("code")) for run in runs}
    if len({run.manifest.backend for run in runs}) == 1 and len(codes) > 1:
        yield "the runs were made by different versions of ft or its plugin"
    sizes = {len(variant.runs) for variant in variants}
    if len(sizes) > 1:
        counts = ", ".join(f"{variant.name} {len(variant.runs)}" for variant in variants)
        yield f"not all variants have the same number of runs: {counts}"
