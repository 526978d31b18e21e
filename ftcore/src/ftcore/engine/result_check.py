"""Holds what a worker says and left against the job: stages, artifacts, receipts, configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ftcore.engine.guarantees import ReceiptCheck, check_effective
from ftcore.engine.prepare import Prepared
from ftcore.engine.scoring import read_predictions
from ftcore.engine.validation_check import check_validation
from ftcore.errors import EffectiveConfigMismatch, ModelError, ProtocolViolation, ReceiptMismatch
from ftcore.models.safetensors_file import read_header
from ftcore.protocol import Job, Result, Stage, write_json
from ftcore.runs.folder import RunFolder


def check_result(
    run: RunFolder, prepared: Prepared, job: Job, result: Result, receipts: ReceiptCheck
) -> float:
    """Check everything that a finished job must have left; returns the seconds of its steps.

    They are 0.0 where this worker did not do all the planned steps. Raises `ReceiptMismatch`,
    `EffectiveConfigMismatch` or `ProtocolViolation`.
    """
    for stage in job.stages:
        if stage.name not in result.stages:
            raise ProtocolViolation(f"the result has no stage {stage.name}")
        if stage.kind == "generate":
            check_predictions(stage)
        if stage.kind == "export":
            check_exports(stage, result.stages[stage.name])
    train = result.stages["train"]
    steps, seconds = train.get("steps"), train.get("seconds", 0.0)
    if not isinstance(steps, int) or not isinstance(seconds, int | float):
        raise ProtocolViolation("the result of stage train has no number of steps or seconds")
    receipts.finish(steps, prepared.order, early=prepared.settings.patience is not None)
    validated = 0
    try:
        check_effective(engine_config(run), prepared.settings, job.model)
        validated = check_validation(run, prepared.stream, prepared.settings.batch_size)
    except (EffectiveConfigMismatch, ReceiptMismatch) as error:
        receipts.failed(error)
    check_adapter(run.file("adapter"))
    counts = {"micro_batches": receipts.seen, "planned": receipts.planned}
    errors = [error.to_json() for error in receipts.errors]
    kept: dict[str, Any] = {"errors": errors} if errors else {}
    if validated:
        kept["validation_batches"] = validated
    write_json({**counts, "equal": not errors, **kept}, run.file("receipts.json"))
    all_of_it = steps == prepared.order.steps and job.first_step == 0
    return float(seconds) if all_of_it and "train" not in job.finished else 0.0


def check_predictions(stage: Stage) -> None:
    """Every request of a generate stage must have been answered once."""
    asked = _row_ids(Path(str(stage.input)))
    try:
        answered = read_predictions(Path(stage.output))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProtocolViolation(f"the answers of stage {stage.name} cannot be read: {error}") from (
            error
        )
    missing = [row_id for row_id in asked if row_id not in answered]
    if missing or len(answered) != len(asked):
        raise ProtocolViolation(
            f"stage {stage.name} was to answer {len(asked)} prompts; {len(missing)} are missing"
        )


def check_exports(stage: Stage, made: dict[str, Any]) -> None:
    """Every format that was asked for must be there, with its size."""
    for name in stage.options["formats"]:
        export = made.get(name)
        if not isinstance(export, dict) or not Path(str(export.get("path"))).exists():
            raise ProtocolViolation(f"the exporter left no {name}")
        if not isinstance(export.get("bytes"), int):
            raise ProtocolViolation(f"the exporter does not say the bytes of {name}")


def check_adapter(folder: Path) -> None:
    """The trainer must have left whole safetensors files."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ProtocolViolation("the trainer left no adapter")
    for path in files:
        try:
            read_header(path)
        except ModelError as error:
            raise ProtocolViolation(f"the trainer left half an adapter: {error.message}") from error


def _row_ids(requests: Path) -> list[str]:
    return [json.loads(line)["row_id"] for line in requests.read_text("utf-8").splitlines()]


def engine_config(run: RunFolder) -> Any:
    """Return what the engine said that it used, None for nothing; `ProtocolViolation` for half."""
    try:
        return run.read_json("engine_config.json")
    except ValueError as error:
        raise ProtocolViolation(f"engine_config.json cannot be read: {error}") from error
