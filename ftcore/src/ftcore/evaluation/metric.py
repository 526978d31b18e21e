"""What a metric is, what it may look at, and the registry of all of them."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ftcore.errors import PluginError, Problem, RecipeError
from ftcore.evaluation.sql_runner import SqlLimits, SqlRunner
from ftcore.rendering.messages import Message

Array = npt.NDArray[np.float64]

_LIMITS = {"share": (0.0, 1.0), "points": (0.0, 100.0)}


@dataclass(frozen=True, slots=True)
class Example:
    """One test row with the model's answer: what every metric reads.

    ``fields`` holds the row's other columns, such as ``database``, ``slice`` or ``must``;
    ``record`` what the generation itself noted, such as ``token_ids`` and ``finish``, and nothing
    where the answer was made elsewhere.
    """

    row_id: str
    prompt: tuple[Message, ...]
    reference: str
    prediction: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class MetricContext:
    """The recipe's metric options and paths; close it (or use ``with``) to end the SQL process.

    ``databases`` is the folder of the SQLite files that rows name in their field ``database``.
    ``persona`` holds facts for every row: ``must`` and ``must_not``, read as the row fields of
    the same names. ``labels`` is the recipe's list of entity labels and ``no_entity`` the fixed
    sentence for "no entity" (empty: an empty answer says so). ``strip_prefix`` and
    ``strip_suffix`` are a fixed opening and closing that the ROUGE metrics take off prediction
    and reference alike. ``float_tolerance`` is relative, for numbers in SQL results.
    """

    databases: Path | None = None
    persona: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    no_entity: str = ""
    strip_prefix: str = ""
    strip_suffix: str = ""
    sql: SqlLimits = field(default_factory=SqlLimits)
    float_tolerance: float = 1e-6
    _runner: SqlRunner | None = field(default=None, init=False, repr=False, compare=False)

    def sql_runner(self) -> SqlRunner:
        """Return the one runner of this context; it starts its process with the first query."""
        if self._runner is None:
            self._runner = SqlRunner(self.sql)
        return self._runner

    def close(self) -> None:
        """End the SQL process, if one was started; the context stays usable."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def __enter__(self) -> MetricContext:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Metric(ABC):
    """A figure that is a function of per-row counts, summed over rows.

    That shape is what makes intervals and paired comparisons exact for micro averages too: a
    resample sums other rows, then calls ``aggregate`` once. ``definition`` is one sentence that
    ends with its source; ``columns`` names the counts of one row. The unit says the metric's
    limits: "share" is 0 to 1, "points" 0 to 100, any other has none. ``higher_is_better`` is None
    where neither is. ``yes_no`` marks a mean of scores that are 0 or 1.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool | None] = True
    yes_no: ClassVar[bool] = False
    definition: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    @property
    def limits(self) -> tuple[float, float] | None:
        """The smallest and the largest value that the metric can have, by its unit."""
        return _LIMITS.get(self.unit)

    def signature(self) -> str:
        """Return what another tool needs to compute the same, version included; mostly nothing."""
        return ""

    def begin(self, examples: Sequence[Example], context: MetricContext) -> tuple[str, ...]:
        """Look at all rows before the first is scored; returns the names of a row's counts."""
        return self.columns

    def applies(self, example: Example) -> bool:
        """Return whether the row counts in this metric; all rows do unless a metric says so."""
        return True

    def problems(self, examples: Sequence[Example], context: MetricContext) -> list[Problem]:
        """Return what would keep these rows from being scored; predictions are not looked at."""
        return []

    @abstractmethod
    def score_row(self, example: Example, context: MetricContext) -> tuple[float, ...]:
        """Return the row's counts, one for each column.

        Raises DataError where the row itself cannot be scored; a bad prediction never raises.
        """

    @abstractmethod
    def aggregate(self, sums: Array) -> Array:
        """Map summed counts of shape (..., columns) to values of shape (...).

        NaN where the sums leave the metric undefined.
        """


class MeanMetric(Metric):
    """A metric that is the mean of one score per row."""

    columns: ClassVar[tuple[str, ...]] = ("score", "rows")

    @abstractmethod
    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return the row's score."""

    def score_row(self, example: Example, context: MetricContext) -> tuple[float, ...]:
        """Return the score and the row's one."""
        return (float(self.row_score(example, context)), 1.0)

    def aggregate(self, sums: Array) -> Array:
        """Return score per row; NaN without rows."""
        return ratio(sums[..., 0], sums[..., 1])


def ratio(top: Array, bottom: Array) -> Array:
    """Return ``top / bottom`` elementwise, NaN where ``bottom`` is 0."""
    top, bottom = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    out = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out


_REGISTRY: dict[str, type[Metric]] = {}
_BUILTIN: list[type[Metric]] = []


def register(metric: type[Metric]) -> type[Metric]:
    """Add a metric under its name; PluginError where another class has that name."""
    known = metrics().get(metric.name)
    if known is not None and known is not metric:
        raise PluginError(
            f"two metrics are called {metric.name!r}: {_place(known)} and {_place(metric)}",
            hint="disable one of the two plugins, or rename its metric",
            code="plugin.metric-name",
        )
    _REGISTRY[metric.name] = metric
    return metric


def metrics() -> dict[str, type[Metric]]:
    """Return every metric by name: those of ft first, then the registered ones."""
    if not _BUILTIN:
        _BUILTIN.extend(_builtin())
    return {metric.name: metric for metric in _BUILTIN} | _REGISTRY


def get_metric(name: str) -> type[Metric]:
    """Return the metric of that name; RecipeError with the nearest name where there is none."""
    known = metrics()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise RecipeError(
        f"there is no metric {name!r}",
        hint=f"did you mean {near[0]!r}?" if near else f"known metrics: {', '.join(known)}",
        code="recipe.unknown-metric",
        details={"name": name, "nearest": near[0] if near else None, "known": list(known)},
    )


def _builtin() -> list[type[Metric]]:
    # Imported here because those modules import this one.
    from ftcore.evaluation.metrics import (
        bleu,
        corpus,
        diversity,
        entities,
        entity_labels,
        entity_places,
        exact,
        output,
        persona,
        rouge,
        sql,
        words,
    )

    texts = (exact, words, rouge, bleu, corpus)
    tasks = (entities, entity_places, entity_labels, sql, persona)
    modules = (*texts, *tasks, diversity, output)
    return [metric for module in modules for metric in module.METRICS]


def _place(metric: type[Metric]) -> str:
    return f"{metric.__module__}.{metric.__qualname__}"
