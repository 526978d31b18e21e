"""Gathers a run directory's files into one typed record; a file that is not there yet is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.errors import FtError, ProtocolViolation
from ftcore.evaluation.gates import GateResult
from ftcore.protocol import Result, read_message
from ftcore.recipe.header import read_header
from ftcore.report.curves import Curves
from ftcore.report.errors import Errors, choose_errors
from ftcore.report.examples import Examples, choose_examples
from ftcore.report.gates import read_gates
from ftcore.report.tables import Difference, MetricTable, Score, SliceTable
from ftcore.report.training import StageTime, Training, read_training, stage_times
from ftcore.runs.folder import Manifest, RunFolder


@dataclass(frozen=True, slots=True)
class MainMetric:
    """The deciding metric, on the deciding slice (``field=value``) where the recipe names one."""

    name: str
    title: str
    higher_is_better: bool | None
    slice: str | None
    scores: Mapping[str, Score]
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What was held against the plan.

    ``consumed`` of ``planned`` micro-batches left a receipt equal to the stream's; ``fields`` is
    the number of settings found equal in the engine's effective configuration. ``confirmed`` is
    False for a run that ended before its receipts were counted: then ``consumed`` is what was
    written. ``outside`` says what the guarantee does not cover in this run.
    """

    consumed: int
    planned: int | None
    fields: int
    confirmed: bool
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """The recipe as given: its file and the ``key=value`` of the command line."""

    path: str
    overrides: tuple[str, ...]
    resolved: str


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that a report shows; parts without data are None or empty."""

    manifest: Manifest
    plan: Mapping[str, Any] | None
    result: Result | None
    environment: Mapping[str, Any] | None
    job: Mapping[str, Any] | None
    recipe: RecipeFile | None
    main: MainMetric | None
    metrics: MetricTable | None
    gates: tuple[GateResult, ...]
    slices: SliceTable | None
    curves: Curves | None
    examples: Examples | None
    errors: Errors | None
    generation: Mapping[str, Mapping[str, Any]]
    validation: Mapping[str, Any] | None
    training: Training | None
    times: tuple[StageTime, ...]
    guarantee: Guarantee | None
    warnings: tuple[str, ...]


def collect(run: RunFolder) -> ReportData:
    """Read the run directory; ProtocolViolation names a file that is not valid."""
    events = _lines(run, "events.jsonl")
    plan, metrics = _object(run, "plan.json"), _object(run, "metrics.json")
    job = _object(run, "job.json")
    result = read_message(Result, path) if (path := run.file("result.json")).exists() else None
    shown = int(plan["evaluation"]["examples"]) if plan else 0
    rows = _lines(run, "predictions/rows.jsonl")
    slices = SliceTable.from_metrics(metrics) if metrics else None
    scored = bool(metrics and metrics["stages"])
    return ReportData(
        manifest=run.manifest(),
        plan=plan,
        result=result,
        environment=_object(run, "environment.json"),
        job=job,
        recipe=read_recipe(run),
        main=read_main(metrics) if metrics and scored else None,
        metrics=MetricTable.from_metrics(metrics) if metrics and scored else None,
        gates=read_gates(metrics) if metrics else (),
        slices=slices or None,
        curves=Curves.from_events(events),
        examples=choose_examples(rows, metrics, shown) if metrics and rows and shown else None,
        errors=read_errors(run, rows, metrics, shown),
        generation=(metrics or {}).get("generation", {}),
        validation=(metrics or {}).get("validation"),
        training=read_training(run, plan, result, events) if plan else None,
        times=stage_times(events),
        guarantee=read_guarantee(run, plan, job),
        warnings=read_warnings(plan, events),
    )


def read_main(metrics: Mapping[str, Any]) -> MainMetric:
    """Return the deciding metric of ``metrics.json``."""
    main = metrics["main"]
    row = MetricTable.from_metrics(metrics)[main["metric"]]
    return MainMetric(
        name=row.name,
        title=row.title,
        higher_is_better=row.higher_is_better,
        slice=main["slice"],
        scores={stage: Score(**score) for stage, score in main["stages"].items()},
        differences={
            baseline: Difference.from_json(found) for baseline, found in main["differences"].items()
        },
    )


def read_errors(
    run: RunFolder,
    rows: list[dict[str, Any]],
    metrics: Mapping[str, Any] | None,
    wanted: int,
) -> Errors | None:
    """Return the errors; None for a run without scores, or of a version that did not look."""
    counts = (metrics or {}).get("errors")
    if not counts or not counts["states"]:
        return None
    return choose_errors(rows, _lines(run, "errors.jsonl"), counts, wanted)


def read_guarantee(
    run: RunFolder, plan: Mapping[str, Any] | None, job: Mapping[str, Any] | None
) -> Guarantee | None:
    """Return what the receipts say; None for a run without any.

    ``receipts.json`` is written after the receipts and the effective configuration were found
    equal to the plan, so its presence says both.
    """
    checked = _object(run, "receipts.json")
    outside = _outside(plan, job) if plan else ()
    if checked is not None:
        fields = len((_object(run, "engine_config.json") or {}).get("recipe_fields", {}))
        counts = (int(checked["micro_batches"]), int(checked["planned"]))
        return Guarantee(*counts, fields=fields, confirmed=bool(checked["equal"]), outside=outside)
    written = sum(len(_lines(run, path.name)) for path in run.path.glob("receipts*.jsonl"))
    return Guarantee(written, None, 0, confirmed=False, outside=outside) if written else None


def _outside(plan: Mapping[str, Any], job: Mapping[str, Any] | None) -> tuple[str, ...]:
    settings, device = plan["settings"], plan["device"]
    found = [
        f"approximate on this backend, with the recipe's consent: {note}"
        for note in plan["approximate"]
    ]
    if settings["loss"] == "engine":
        found.append('train.loss = "engine": the loss is computed by the engine\'s own head')
    if job and job["engine_options"]:
        found.append(f"engine options of the recipe: {', '.join(sorted(job['engine_options']))}")
    if device != "cpu":
        found.append(f"the last bits of {device} kernels (equality is promised for fp32 on a CPU)")
    elif settings["precision"] != "fp32":
        found.append(f"the last bits of {settings['precision']} (equality is promised for fp32)")
    return tuple(found)


def read_recipe(run: RunFolder) -> RecipeFile | None:
    """Return the recipe's file and overrides, from the head of ``resolved.toml``."""
    path = run.file("resolved.toml")
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8")
    try:
        header = read_header(text)
    except ValueError as error:
        raise _damaged("resolved.toml", error) from error
    return RecipeFile(str(Path(header.base) / Path(header.path).name), header.overrides, text)


def read_warnings(plan: Mapping[str, Any] | None, events: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return what the plan and the worker warned of, each once, with how often."""
    texts = [*(plan["warnings"] if plan else ())]
    texts += [
        str(event["data"].get("message", "")) for event in events if event["type"] == "warning"
    ]
    times: dict[str, int] = {}
    for text in texts:
        times[text] = times.get(text, 0) + 1
    return tuple(f"{text} ({count} times)" if count > 1 else text for text, count in times.items())


def _object(run: RunFolder, name: str) -> dict[str, Any] | None:
    try:
        data = run.read_json(name)
    except (OSError, ValueError) as error:
        raise _damaged(name, error) from error
    if data is not None and not isinstance(data, dict):
        raise _damaged(name, "not an object")
    return data


def _lines(run: RunFolder, name: str) -> list[dict[str, Any]]:
    try:
        return run.read_lines(name)
    except (OSError, ValueError) as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: object) -> FtError:
    return ProtocolViolation(
        f"{name} of the run cannot be read: {error}",
        hint="the run directory was changed or damaged after the run",
        code="report.damaged",
    )
