"""What a run or an evaluation left, typed, with tables that a notebook renders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from ftcore.display.metric_table import TITLES, metric_table
from ftcore.display.plan_table import plan_notes, plan_table
from ftcore.display.table import Table
from ftcore.display.words import figure
from ftcore.engine.evaluate import Evaluation
from ftcore.engine.plan import Plan
from ftcore.engine.run import Outcome
from ftcore.evaluation.statistics import PairedDifference
from ftcore.runs.folder import RunFolder

SHOWN_ROWS = 20
NAN = float("nan")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric's value on ``n`` rows with its 95% interval; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class MetricTable(Mapping[str, Mapping[str, MetricValue]]):
    """Stage ("before", "few_shot", "after") -> metric -> value; rendered as a table."""

    def __init__(self, data: Mapping[str, Any], titles: Mapping[str, str] = TITLES) -> None:
        self._data = data
        self._titles = titles
        self._stages = {
            stage: {name: MetricValue(**score) for name, score in scores.items()}
            for stage, scores in data["stages"].items()
        }

    @property
    def main(self) -> str:
        """The name of the metric that decides."""
        return str(self._data["main_metric"])

    def table(self) -> Table:
        """Return values, intervals and paired differences as a table of texts."""
        return metric_table(self._data, self._titles)

    def __getitem__(self, stage: str) -> Mapping[str, MetricValue]:
        return self._stages[stage]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stages)

    def __len__(self) -> int:
        return len(self._stages)

    def __str__(self) -> str:
        return self.table().to_text()

    def _repr_html_(self) -> str:
        return self.table().to_html()


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """A test row with its reference and the answers of every stage (None where there is none)."""

    row_id: str
    source: str
    prompt: tuple[Mapping[str, Any], ...]
    reference: str
    fields: Mapping[str, Any]
    answers: Mapping[str, str | None]

    @property
    def question(self) -> str:
        """The last turn of the prompt."""
        return str(self.prompt[-1]["content"]) if self.prompt else ""

    def cells(self) -> Mapping[str, str]:
        """Return the row as columns of a table."""
        answers = {stage: text or "" for stage, text in self.answers.items()}
        return {"question": self.question, "reference": self.reference, **answers}


@dataclass(frozen=True, slots=True)
class LossPoint:
    """What was measured at one optimizer step; None where it was not.

    Losses are in nats per supervised token.
    """

    step: int
    loss: float | None = None
    validation_loss: float | None = None
    grad_norm: float | None = None
    learning_rate: float | None = None

    def cells(self) -> Mapping[str, str]:
        """Return the point as columns of a table."""
        values = asdict(self)
        return {name: str(v) if name == "step" else figure(v, 4) for name, v in values.items()}


class Records(Sequence[T], Generic[T]):
    """A list of typed records; a notebook shows the first ones as a table."""

    def __init__(self, items: Sequence[T]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Records({list(self._items)!r})"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the records as dictionaries, as `pandas.DataFrame` takes them."""
        return [asdict(item) for item in self._items]  # type: ignore[call-overload]

    def table(self, limit: int = SHOWN_ROWS) -> Table:
        """Return the first ``limit`` records as a table of texts."""
        shown = [item.cells() for item in self._items[:limit]]  # type: ignore[attr-defined]
        columns = tuple(dict.fromkeys(name for row in shown for name in row))
        rest = len(self._items) - len(shown)
        title = f"the first {len(shown)} of {len(self._items)}" if rest else ""
        return Table.of(columns, ([row.get(c) for c in columns] for row in shown), title=title)

    def _repr_html_(self) -> str:
        return self.table().to_html()


class ShownPlan(Plan):
    """A plan that a notebook and `print` show as a table."""

    @classmethod
    def of(cls, plan: Plan) -> ShownPlan:
        """Return the same plan, shown as a table."""
        return cls(**{item.name: getattr(plan, item.name) for item in fields(plan)})

    def __str__(self) -> str:
        return "\n".join([plan_table(self).to_text(), *plan_notes(self)])

    def _repr_html_(self) -> str:
        notes = Table.of(("",), ((note,) for note in plan_notes(self)))
        return plan_table(self).to_html() + (notes.to_html() if notes.rows else "")


@dataclass(frozen=True)
class EvaluationResult:
    """A finished evaluation: its directory, its metrics, and its predictions.

    ``reproduced`` is (equal, compared) against the answers that the evaluated run itself had kept.
    """

    folder: Path
    metrics: MetricTable
    reproduced: tuple[int, int] | None

    @classmethod
    def of(cls, done: Evaluation) -> EvaluationResult:
        """Return the result of what the engine room did."""
        metrics = MetricTable(done.metrics, {"after": "value"})
        return cls(done.folder.path, metrics, done.reproduced)

    def predictions(self) -> Records[PredictionRow]:
        """Return every test row with its answer."""
        return read_predictions(self.folder)

    def _repr_html_(self) -> str:
        return self.metrics._repr_html_()


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    ``folder`` is the run directory, ``report_path`` the report in it; ``differences`` maps a
    baseline ("before", "few_shot") and a metric to the paired after-minus-baseline difference.
    """

    folder: Path
    plan: Plan
    metrics: MetricTable
    differences: Mapping[str, Mapping[str, PairedDifference]]
    report_path: Path

    @classmethod
    def of(cls, outcome: Outcome) -> RunResult:
        """Return the result of a run that the engine room finished."""
        return cls(
            folder=outcome.folder.path,
            plan=ShownPlan.of(outcome.prepared.plan),
            metrics=MetricTable(outcome.metrics),
            differences=_differences(outcome.metrics["differences"]),
            report_path=outcome.folder.file("report.html"),
        )

    def predictions(self) -> Records[PredictionRow]:
        """Return every test row with the answers before and after."""
        return read_predictions(self.folder)

    def losses(self) -> Records[LossPoint]:
        """Return what was measured at each optimizer step."""
        return read_losses(self.folder)

    def _repr_html_(self) -> str:
        where = Table.of(("", ""), (("run", self.folder), ("report", self.report_path)))
        return self.metrics._repr_html_() + where.to_html()


def read_predictions(folder: Path) -> Records[PredictionRow]:
    """Return the test rows with their answers that a run directory holds."""
    lines = RunFolder(folder).read_lines("predictions/rows.jsonl")
    return Records([PredictionRow(**{**line, "prompt": tuple(line["prompt"])}) for line in lines])


def read_losses(folder: Path) -> Records[LossPoint]:
    """Return the losses of a run, one point a step, from its events."""
    points: dict[int, dict[str, Any]] = {}
    names = {item.name for item in fields(LossPoint)}
    for event in RunFolder(folder).read_lines("events.jsonl"):
        if event["type"] == "metric" and event["stage"] == "train" and event["rank"] == 0:
            known = {name: value for name, value in event["data"].items() if name in names}
            points.setdefault(int(event["data"]["step"]), {}).update(known)
    return Records([LossPoint(**points[step]) for step in sorted(points)])


def _differences(data: Mapping[str, Any]) -> dict[str, dict[str, PairedDifference]]:
    return {
        baseline: {name: PairedDifference(**_numbers(found)) for name, found in metrics.items()}
        for baseline, metrics in data.items()
    }


def _numbers(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a difference, undefined numbers as NaN again."""
    optional = ("better",)
    return {k: NAN if v is None and k not in optional else v for k, v in found.items()}
