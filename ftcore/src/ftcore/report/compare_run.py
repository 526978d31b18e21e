"""Reads what a comparison needs of one finished run; only what its directory holds."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.comparison.variants import ScoredRun
from ftcore.errors import RunNotFound
from ftcore.evaluation.score import Scores
from ftcore.protocol import Result, read_message
from ftcore.recipe.header import read_header
from ftcore.report.curves import Curves, Points
from ftcore.report.tables import described
from ftcore.report.training import read_training, stage_times
from ftcore.runs.folder import Manifest, RunFolder


@dataclass(frozen=True, slots=True)
class Costs:
    """What one run took; None where its files do not say.

    ``wall`` is from the run directory's making to its end (s), None where it was resumed;
    ``start_up`` what of it went by before the worker's first word, and in the training stage
    outside its steps: building or finding the environment, imports, loading the model (s).
    ``steps`` is the time of all optimizer steps (s), ``tokens_per_second`` unpadded tokens over
    it. Memory is the peak of the worker (MiB); ``exports`` maps a kind to its bytes.
    """

    wall: float | None
    start_up: float | None
    steps: float | None
    tokens_per_second: float | None
    memory: float | None
    gpu_memory: float | None
    exports: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One finished run, as far as a comparison looks at it.

    ``fields`` are the recipe's, by dotted key; ``about`` says what each metric is; ``versions``
    of the worker's packages, ``environment`` and ``plan`` as stored.
    """

    path: Path
    manifest: Manifest
    scored: ScoredRun
    main: str
    main_slice: str | None
    about: Mapping[str, Mapping[str, Any]]
    fields: Mapping[str, Any]
    plan: Mapping[str, Any]
    environment: Mapping[str, Any]
    versions: Mapping[str, str]
    costs: Costs
    loss: Points

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the test rows with their answers, by row id."""
        lines = RunFolder(self.path).read_lines("predictions/rows.jsonl")
        return {str(line["row_id"]): line for line in lines}


def read_compared(run: RunFolder) -> ComparedRun:
    """Read a finished run.

    Raises `RunNotFound` for one that is not finished, was not scored after training, or was
    written by a version of ft whose files this one cannot read.
    """
    manifest = run.manifest()
    if manifest.state != "finished":
        raise RunNotFound(
            f"run {run.path.name} is {manifest.state}, not finished",
            hint=f"ft run --resume {run.path} goes on with it",
            code="run.not-finished",
        )
    try:
        return _read(run, manifest)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise RunNotFound(
            f"run {run.path.name} cannot be compared: {type(error).__name__}: {error}",
            hint="it was trained without test rows, or by another version of ft",
            code="run.no-scores",
        ) from error


def _read(run: RunFolder, manifest: Manifest) -> ComparedRun:
    metrics, plan = run.read_json("metrics.json"), run.read_json("plan.json")
    scores = Scores.from_json(metrics["scores"]["after"])
    path = run.file("result.json")
    result = read_message(Result, path) if path.exists() else None
    events = run.read_lines("events.jsonl")
    curves = Curves.from_events(events)
    return ComparedRun(
        path=run.path,
        manifest=manifest,
        scored=ScoredRun(run.path.name, manifest.seed, scores, read_right(run)),
        main=str(metrics["main_metric"]),
        main_slice=(metrics.get("main") or {}).get("slice"),
        about=described(metrics),
        fields=recipe_fields(run),
        plan=plan,
        environment=run.read_json("environment.json") or {},
        versions=dict(result.versions) if result else {},
        costs=read_costs(run, manifest, plan, result, events),
        loss=curves.loss if curves else (),
    )


def read_right(run: RunFolder) -> dict[str, bool] | None:
    """Return which test rows have a right answer after training; None where that was not judged."""
    lines = run.read_lines("errors.jsonl")
    if not lines or any("after" not in line["causes"] for line in lines):
        return None
    return {str(line["row_id"]): not line["causes"]["after"] for line in lines}


def recipe_fields(run: RunFolder) -> dict[str, Any]:
    """Return every field of the run's recipe by dotted key, and ``recipe`` for its file's name."""
    text = run.file("resolved.toml").read_text(encoding="utf-8")
    header = read_header(text)
    fields = dict(_flat(tomllib.loads(text), ""))
    return {"recipe": Path(header.path).name, "profile": header.profile, **fields}


def read_costs(
    run: RunFolder,
    manifest: Manifest,
    plan: Mapping[str, Any],
    result: Result | None,
    events: Sequence[Mapping[str, Any]],
) -> Costs:
    """Return what a run took, from its files."""
    training = read_training(run, plan, result, events)
    stages = {time.name: time.seconds for time in stage_times(events)}
    wall = start_up = None
    if manifest.finished is not None and not manifest.resumed:
        wall = manifest.finished - manifest.created
        if events and training.seconds is not None and "train" in stages:
            before = float(events[0]["time"]) - manifest.created
            start_up = max(0.0, before) + max(0.0, stages["train"] - training.seconds)
    made = result.stages.get("export", {}) if result else {}
    return Costs(
        wall=wall,
        start_up=start_up,
        steps=training.seconds,
        tokens_per_second=training.tokens_per_second(),
        memory=training.peak_memory_mib,
        gpu_memory=training.peak_cuda_memory_mib,
        exports={name: int(export["bytes"]) for name, export in made.items()},
    )


def _flat(table: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
