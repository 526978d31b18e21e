"""The tables of a run's figures: typed rows, drawn in a terminal, a notebook or the report."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ftcore.errors import UnsupportedError
from ftcore.report import numbers
from ftcore.report.grid import Cell, Column, Grid, Tone

STAGE_TITLES = {"before": "Before", "few_shot": "Few-shot", "after": "After"}
ALPHA = 0.05
_UNITS = {"share": "share, 0 to 1", "points": "points, 0 to 100"}


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value on ``n`` rows with its 95% interval; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """After minus a baseline on the same ``n`` rows, with its 95% interval.

    ``words`` is "higher", "lower" or "no significant difference"; ``better`` says whether a
    significant difference is an improvement. ``p_value`` is that of this comparison alone,
    ``p_adjusted`` the one that decides, ``detectable`` what would mostly be noticed; None where
    there is none, or in a run of an older version.
    """

    difference: float | None
    low: float | None
    high: float | None
    words: str
    better: bool | None
    n: int
    p_value: float | None = None
    p_adjusted: float | None = None
    detectable: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Difference:
        """Return the difference that ``metrics.json`` holds."""
        return cls(**{name: data[name] for name in cls.__slots__ if name in data})

    def verdict(self) -> str:
        """Return the words, and where nothing was shown what could have been."""
        if self.better is not None or self.words in ("higher", "lower"):
            return self.words
        if self.p_value is not None and self.p_value < ALPHA:
            return f"{self.words} after correction"
        if not self.detectable:
            return self.words
        return f"{self.words} (detectable: {numbers.metric(self.detectable)})"

    def tone(self) -> Tone:
        """Return whether the difference is good, bad or neither."""
        return "even" if self.better is None else "good" if self.better else "bad"


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: its score in each stage, and after minus each baseline ("before", "few_shot")."""

    name: str
    title: str
    unit: str
    definition: str
    higher_is_better: bool | None
    scores: Mapping[str, Score]
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One metric on the rows whose ``field`` has ``value``: its score in each stage."""

    field: str
    value: str
    name: str
    title: str
    scores: Mapping[str, Score]


class _Shown(ABC):
    """What a terminal, a notebook and pandas take from a table."""

    __slots__ = ()

    @abstractmethod
    def grid(self) -> Grid:
        """Return the table as texts."""

    @abstractmethod
    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one flat dictionary a row."""

    def __str__(self) -> str:
        return self.grid().to_text()

    def _repr_html_(self) -> str:
        return self.grid().to_html()

    def _repr_markdown_(self) -> str:
        return self.grid().to_markdown()

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame``; UnsupportedError where pandas is not installed."""
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise UnsupportedError(
                "a data frame needs pandas, which is not installed here",
                hint='pip install "ftcore[notebook]", or use to_dicts()',
                code="report.no-pandas",
            ) from error
        return pandas.DataFrame(self.to_dicts())


@dataclass(frozen=True, slots=True)
class MetricTable(_Shown):
    """Every metric of a run, before and after; ``main`` names the one that decides."""

    rows: tuple[MetricRow, ...]
    main: str

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, Any]) -> MetricTable:
        """Return the table for the data of ``metrics.json``."""
        stages, differences = metrics["stages"], metrics["differences"]
        rows = [
            MetricRow(
                name=name,
                title=about["title"],
                unit=about["unit"],
                definition=about["definition"],
                higher_is_better=about["higher_is_better"],
                scores=scores_of(stages, name),
                differences={
                    baseline: Difference.from_json(found[name])
                    for baseline, found in differences.items()
                    if name in found
                },
            )
            for name, about in described(metrics).items()
        ]
        return cls(tuple(rows), metrics["main_metric"])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[MetricRow]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> MetricRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def grid(self) -> Grid:
        """Return the table as texts: the stages that were scored, then after minus before."""
        stages = present_stages(row.scores for row in self.rows)
        baselines = [name for name in STAGE_TITLES if any(name in r.differences for r in self.rows)]
        columns = [Column("Metric", number=False), Column("Unit", number=False)]
        columns += [Column(STAGE_TITLES[stage]) for stage in stages]
        columns += [Column(f"After − {STAGE_TITLES[name].lower()}") for name in baselines]
        rows = [
            (
                Cell(row.title),
                Cell(_unit(row)),
                *(score_cell(row.scores.get(stage)) for stage in stages),
                *(difference_cell(row.differences.get(name)) for name in baselines),
            )
            for row in self.rows
        ]
        strong = [number for number, row in enumerate(self.rows) if row.name == self.main]
        return Grid(tuple(columns), tuple(rows), strong[0] if len(rows) > 1 and strong else None)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one flat dictionary a metric; keys such as ``after``, ``after_low``."""
        found = []
        for row in self.rows:
            flat: dict[str, Any] = {"metric": row.name, "title": row.title, "unit": row.unit}
            flat["higher_is_better"] = row.higher_is_better
            flat |= _flat_scores(row.scores)
            for baseline, difference in row.differences.items():
                prefix = f"after_minus_{baseline}"
                values = asdict(difference)
                flat[prefix] = values.pop("difference")
                flat |= {f"{prefix}_{key}": value for key, value in values.items()}
            found.append(flat)
        return found


@dataclass(frozen=True, slots=True)
class SliceTable(_Shown):
    """The metrics by the values of a row field; metrics undefined on a slice are left out."""

    rows: tuple[SliceRow, ...]

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, Any]) -> SliceTable:
        """Return the table for the data of ``metrics.json``."""
        titles = {name: about["title"] for name, about in described(metrics).items()}
        rows = [
            SliceRow(field, value, name, title, scores_of(stages, name))
            for field, values in metrics["slices"].items()
            for value, stages in values.items()
            for name, title in titles.items()
        ]
        defined = [row for row in rows if any(s.value is not None for s in row.scores.values())]
        return cls(tuple(defined))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[SliceRow]:
        return iter(self.rows)

    def grid(self) -> Grid:
        """Return the table as texts; a slice is named in its first row only."""
        stages = present_stages(row.scores for row in self.rows)
        columns = [Column("Slice", number=False), Column("Metric", number=False), Column("Rows")]
        columns += [Column(STAGE_TITLES[stage]) for stage in stages]
        rows, last = [], None
        for row in self.rows:
            name = f"{row.field} = {row.value}"
            rows.append(
                (
                    Cell(name if name != last else ""),
                    Cell(row.title),
                    Cell(numbers.count(max(score.n for score in row.scores.values()))),
                    *(score_cell(row.scores.get(stage)) for stage in stages),
                )
            )
            last = name
        return Grid(tuple(columns), tuple(rows))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one flat dictionary for each slice and metric."""
        return [
            {"field": row.field, "value": row.value, "metric": row.name, "title": row.title}
            | _flat_scores(row.scores)
            for row in self.rows
        ]


def described(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what ``metrics.json`` says of each metric (title, unit, ...), in its order."""
    found: dict[str, dict[str, Any]] = {}
    for scores in metrics["scores"].values():
        found = scores["metrics"] | found
    return found


def scores_of(stages: Mapping[str, Any], name: str) -> dict[str, Score]:
    """Return a metric's score in each stage that has it."""
    return {stage: Score(**found[name]) for stage, found in stages.items() if name in found}


def present_stages(scores: Any) -> list[str]:
    """Return the stages that any of the score mappings has, in the order of a run."""
    found = {stage for mapping in scores for stage in mapping}
    return [stage for stage in STAGE_TITLES if stage in found]


def score_cell(score: Score | None) -> Cell:
    """Return a score with its interval."""
    if score is None:
        return Cell(numbers.MISSING)
    return Cell(numbers.metric(score.value), numbers.interval(score.low, score.high))


def difference_cell(difference: Difference | None) -> Cell:
    """Return a difference with its interval and its words."""
    if difference is None or difference.difference is None:
        return Cell(numbers.MISSING)
    note = numbers.signed_interval(difference.low, difference.high)
    text = numbers.signed(difference.difference)
    return Cell(text, note, difference.verdict(), difference.tone())


def _unit(row: MetricRow) -> str:
    unit = _UNITS.get(row.unit, row.unit)
    return f"{unit}; lower is better" if row.higher_is_better is False else unit


def _flat_scores(scores: Mapping[str, Score]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for stage, score in scores.items():
        flat |= {stage: score.value, f"{stage}_low": score.low, f"{stage}_high": score.high}
        flat["n"] = score.n
    return flat
