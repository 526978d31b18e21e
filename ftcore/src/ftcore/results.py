"""What a run or an evaluation left, typed, with tables that a notebook renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

from ftcore.comparison.certificate import Certificate
from ftcore.display.facts import Facts, text_grid
from ftcore.display.parity import certificate_lines, levels_grid
from ftcore.display.plan_facts import plan_facts, plan_notes
from ftcore.engine.evaluate import Evaluation
from ftcore.engine.plan import Plan
from ftcore.engine.run import Outcome
from ftcore.evaluation.gates import GateResult
from ftcore.report.grid import Grid
from ftcore.report.tables import Difference, MetricTable, SliceTable
from ftcore.runs.folder import RunFolder

SHOWN_ROWS = 20


class Record(Protocol):
    """One record of `Records`."""

    def cells(self) -> Mapping[str, str]:
        """Return the record as texts by column."""


T = TypeVar("T", bound=Record)


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
        """Return the row as texts by column."""
        answers = {stage: text or "" for stage, text in self.answers.items()}
        return {"question": self.question, "reference": self.reference, **answers}


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A test row's state and causes, as a line of ``errors.jsonl``: docs/error-analysis.md.

    ``causes`` maps a stage to findings (``cause``, ``detail``), the main one first; ``cause`` is
    that of the last stage, None where its answer is right; ``nearest`` the nearest training rows.
    """

    row_id: str
    family: str
    state: str
    cause: str | None
    causes: Mapping[str, Sequence[Mapping[str, str]]]
    source: str
    nearest: Sequence[Mapping[str, Any]]

    def cells(self) -> Mapping[str, str]:
        """Return the row as texts by column."""
        last = list(self.causes.values())[-1]
        detail = last[0]["detail"] if last else ""
        return {
            "source": self.source,
            "state": self.state,
            "cause": self.cause or "",
            "detail": detail,
        }


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
        """Return the point as texts by column."""
        values = asdict(self)
        return {name: "" if value is None else f"{value:.4g}" for name, value in values.items()}


class Records(Sequence[T]):
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
        return f"<{len(self._items)} records>"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the records as dictionaries, as ``pandas.DataFrame`` takes them."""
        return [asdict(item) for item in self._items]  # type: ignore[call-overload]

    def grid(self, limit: int = SHOWN_ROWS) -> Grid:
        """Return the first ``limit`` records as a table of texts."""
        shown = [item.cells() for item in self._items[:limit]]
        columns = tuple(dict.fromkeys(name for row in shown for name in row))
        return text_grid(columns, ([row.get(name) for name in columns] for row in shown))

    def _repr_html_(self) -> str:
        hidden = len(self._items) - SHOWN_ROWS
        rest = f"<p>{hidden} more are not shown</p>" if hidden > 0 else ""
        return self.grid().to_html() + rest


class ShownPlan(Plan):
    """A plan that a notebook and `print` show as a table."""

    @classmethod
    def of(cls, plan: Plan) -> ShownPlan:
        """Return the same plan, shown as a table."""
        return cls(**{item.name: getattr(plan, item.name) for item in fields(plan)})

    def __str__(self) -> str:
        return "\n".join([plan_facts(self).to_text(), *plan_notes(self)])

    def _repr_html_(self) -> str:
        notes = Facts.of(("note", note) for note in plan_notes(self))
        return plan_facts(self).to_html() + (notes.to_html() if notes.pairs else "")


@dataclass(frozen=True)
class EvaluationResult:
    """A finished evaluation: its directory, its metrics, and its predictions.

    ``reproduced`` is (equal, compared) against the answers that the evaluated run itself had kept;
    ``gates`` are those that were asked for; ``error_counts`` is ``errors`` of ``metrics.json``.
    """

    folder: Path
    metrics: MetricTable
    slices: SliceTable
    reproduced: tuple[int, int] | None
    gates: tuple[GateResult, ...] = ()
    error_counts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, done: Evaluation) -> EvaluationResult:
        """Return the result of what the engine room did."""
        return cls(
            done.folder.path,
            MetricTable.from_metrics(done.metrics),
            SliceTable.from_metrics(done.metrics),
            done.reproduced,
            done.gates,
            done.metrics["errors"],
        )

    def predictions(self) -> Records[PredictionRow]:
        """Return every test row with its answer."""
        return read_predictions(self.folder)

    def errors(self) -> Records[ErrorRow]:
        """Return every test row with why its answer is wrong, if it is."""
        return read_errors(self.folder)

    def grid(self) -> Grid:
        """Return the metrics as a table of texts; there is no before and after here."""
        grid = self.metrics.grid()
        columns = (replace(c, title="Value") if c.title == "After" else c for c in grid.columns)
        return replace(grid, columns=tuple(columns))

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {
            "evaluation": str(self.folder),
            "main_metric": self.metrics.main,
            "metrics": {row.name: asdict(row.scores["after"]) for row in self.metrics},
            "slices": self.slices.to_dicts(),
            "reproduced": self.reproduced,
            "errors": self.error_counts,
            "ok": all(gate.held for gate in self.gates),
            "gates": [gate.to_json() for gate in self.gates],
        }

    def _repr_html_(self) -> str:
        return self.grid().to_html()


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    ``folder`` is the run directory, ``report_path`` the page of its report, ``gates`` those that
    were asked for.
    """

    folder: Path
    plan: Plan
    metrics: MetricTable
    slices: SliceTable
    report_path: Path
    gates: tuple[GateResult, ...] = ()

    @classmethod
    def of(cls, outcome: Outcome) -> RunResult:
        """Return the result of a run that the engine room finished."""
        return cls(
            folder=outcome.folder.path,
            plan=ShownPlan.of(outcome.prepared.plan),
            metrics=MetricTable.from_metrics(outcome.metrics),
            slices=SliceTable.from_metrics(outcome.metrics),
            report_path=outcome.folder.file("report.html"),
            gates=outcome.gates,
        )

    @property
    def differences(self) -> Mapping[str, Mapping[str, Difference]]:
        """After minus each baseline ("before", "few_shot"), by metric, on the same rows."""
        found: dict[str, dict[str, Difference]] = {}
        for row in self.metrics:
            for baseline, difference in row.differences.items():
                found.setdefault(baseline, {})[row.name] = difference
        return found

    def predictions(self) -> Records[PredictionRow]:
        """Return every test row with the answers before and after."""
        return read_predictions(self.folder)

    def errors(self) -> Records[ErrorRow]:
        """Return every test row: fixed, broken, still right or wrong, and why."""
        return read_errors(self.folder)

    def losses(self) -> Records[LossPoint]:
        """Return what was measured at each optimizer step."""
        return read_losses(self.folder)

    def _repr_html_(self) -> str:
        where = Facts.of((("run", self.folder), ("report", self.report_path)))
        return self.metrics.grid().to_html() + where.to_html()


@dataclass(frozen=True)
class ParityResult:
    """A parity certificate and where it lies; a notebook shows its levels."""

    certificate: Certificate
    path: Path

    @property
    def holds(self) -> bool:
        """Whether no level breaks."""
        return self.certificate.holds

    def grid(self) -> Grid:
        """Return the levels as a table of texts."""
        return levels_grid(self.certificate)

    def _repr_html_(self) -> str:
        lines = Facts.of(("", line) for line in certificate_lines(self.certificate))
        return self.grid().to_html() + lines.to_html()


def read_predictions(folder: Path) -> Records[PredictionRow]:
    """Return the test rows with their answers that a run directory holds."""
    lines = RunFolder(folder).read_lines("predictions/rows.jsonl")
    return Records([PredictionRow(**{**line, "prompt": tuple(line["prompt"])}) for line in lines])


def read_errors(folder: Path) -> Records[ErrorRow]:
    """Return the test rows with their states and causes that a run directory holds."""
    return Records([ErrorRow(**line) for line in RunFolder(folder).read_lines("errors.jsonl")])


def read_losses(folder: Path) -> Records[LossPoint]:
    """Return the losses of a run, one point a step, from its events."""
    points: dict[int, dict[str, Any]] = {}
    names = {item.name for item in fields(LossPoint)}
    for event in RunFolder(folder).read_lines("events.jsonl"):
        if event["type"] == "metric" and event["stage"] == "train" and event["rank"] == 0:
            known = {name: value for name, value in event["data"].items() if name in names}
            points.setdefault(int(event["data"]["step"]), {}).update(known)
    return Records([LossPoint(**points[step]) for step in sorted(points)])
