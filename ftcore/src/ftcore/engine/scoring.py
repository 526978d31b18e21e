"""Scores the predictions of a run: each stage alone, and after minus before on the same rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftcore.data.rows import Row
from ftcore.errors import DataError, Problem
from ftcore.evaluation.metric import Example, MetricContext, get_metric
from ftcore.evaluation.score import (
    Scores,
    compare,
    differences_to_json,
    problems,
    score,
    slices,
)
from ftcore.evaluation.sql_runner import SqlLimits
from ftcore.protocol import write_json
from ftcore.recipe.loading import LoadedRecipe
from ftcore.runs.folder import RunFolder

STAGES = ("before", "few_shot", "after")


def metric_context(loaded: LoadedRecipe) -> MetricContext:
    """Return the recipe's metric options."""
    evaluation, ner = loaded.recipe.evaluation, loaded.recipe.data.ner
    sql = evaluation.sql
    return MetricContext(
        databases=loaded.resolve(sql.databases) if sql.databases else None,
        labels=tuple(ner.labels),
        no_entity=ner.none,
        strip_prefix=evaluation.text.strip_opening or "",
        strip_suffix=evaluation.text.strip_closing or "",
        sql=SqlLimits(seconds=sql.timeout_seconds, rows=sql.max_rows),
    )


def main_metric(loaded: LoadedRecipe) -> str:
    """Return the metric that decides."""
    evaluation = loaded.recipe.evaluation
    return evaluation.main_metric or evaluation.metrics[0]


def read_predictions(path: Path) -> dict[str, str]:
    """Return row id -> answer of a predictions file."""
    # Not splitlines(): an answer may hold U+2028 and its like, which JSON leaves as they are.
    text = path.read_text(encoding="utf-8")
    lines = (json.loads(line) for line in text.split("\n") if line)
    return {line["row_id"]: line["text"] for line in lines}


def examples(rows: Sequence[Row], predictions: dict[str, str]) -> list[Example]:
    """Pair rows with their predictions, in the rows' order."""
    return [
        Example(row.row_id, row.prompt, row.reference, predictions[row.row_id], row.fields)
        for row in rows
        if row.row_id in predictions
    ]


def unscorable(loaded: LoadedRecipe, rows: Sequence[Row]) -> list[Problem]:
    """Return what would keep test rows from being scored, found without any prediction."""
    unanswered = [Example(row.row_id, row.prompt, row.reference, "", row.fields) for row in rows]
    with metric_context(loaded) as context:
        found = problems(unanswered, loaded.recipe.evaluation.metrics, context)
    metric = get_metric(main_metric(loaded))()
    deciding = [example for example in unanswered if _decides(loaded, example)]
    if rows and not any(metric.applies(example) for example in deciding):
        where = loaded.recipe.evaluation.main_slice or "data.test"
        message = f"{metric.name} applies to none of the {len(deciding)} test rows of {where}"
        fix = "choose another evaluation.main_metric, or give rows that it applies to"
        found.append(Problem(message, field="evaluation.main_metric", fix=fix))
    return found


def _decides(loaded: LoadedRecipe, example: Example) -> bool:
    field, _, value = (loaded.recipe.evaluation.main_slice or "").partition("=")
    return not field or str(example.fields.get(field)) == value


def require_scorable(loaded: LoadedRecipe, rows: Sequence[Row]) -> None:
    """Refuse test rows that the recipe's metrics cannot score; raises one `DataError`."""
    found = unscorable(loaded, rows)
    if found:
        raise DataError(
            f"{len(found)} problem{'s' * (len(found) != 1)} would keep test rows from being scored",
            hint="`ft data check` lists them all",
            code="data.unscorable",
            problems=[loaded.placed(problem) for problem in found[:20]],
        )


def score_run(run: RunFolder, loaded: LoadedRecipe, rows: Sequence[Row]) -> dict[str, Any]:
    """Score every stage that left predictions; writes and returns ``metrics.json``.

    Its keys: ``main`` (the deciding metric on the deciding slice: ``metric``, ``slice``,
    ``stages``, ``differences``); ``main_metric``; ``stages`` (stage -> metric -> value, interval,
    n); ``differences`` (baseline -> metric -> paired after-minus-baseline difference with
    interval); ``slices`` (field -> value -> stage -> metric); ``scores`` (per-row counts, for later
    comparisons).
    """
    evaluation = loaded.recipe.evaluation
    scored: dict[str, Scores] = {}
    paired: dict[str, list[Example]] = {}
    with metric_context(loaded) as context:
        for stage in STAGES:
            path = run.file("predictions") / f"{stage}.jsonl"
            if path.exists():
                paired[stage] = examples(rows, read_predictions(path))
                scored[stage] = score(
                    paired[stage],
                    evaluation.metrics,
                    context,
                    seed=evaluation.seed,
                    resamples=evaluation.resamples,
                )
    metrics = {
        "main": _main(loaded, scored, paired),
        "main_metric": main_metric(loaded),
        "stages": {stage: scores.summary() for stage, scores in scored.items()},
        "differences": _differences(scored, evaluation.seed, evaluation.resamples),
        "slices": _slices(scored, paired, evaluation.slices),
        "scores": {stage: scores.to_json() for stage, scores in scored.items()},
    }
    write_json(metrics, run.file("metrics.json"))
    write_rows(run, rows, paired)
    return metrics


def _main(
    loaded: LoadedRecipe, scored: dict[str, Scores], paired: dict[str, list[Example]]
) -> dict[str, Any]:
    evaluation, name = loaded.recipe.evaluation, main_metric(loaded)
    deciding = scored
    if evaluation.main_slice:
        field, _, value = evaluation.main_slice.partition("=")
        deciding = {
            stage: part[value]
            for stage, scores in scored.items()
            if value in (part := slices(scores, paired[stage], field))
        }
    differences = _differences(deciding, evaluation.seed, evaluation.resamples)
    return {
        "metric": name,
        "slice": evaluation.main_slice,
        "stages": {stage: scores.summary()[name] for stage, scores in deciding.items()},
        "differences": {stage: found[name] for stage, found in differences.items()},
    }


def _differences(scored: dict[str, Scores], seed: int, resamples: int) -> dict[str, Any]:
    if "after" not in scored:
        return {}
    return {
        stage: differences_to_json(
            compare(scored[stage], scored["after"], seed=seed, resamples=resamples)
        )
        for stage in ("before", "few_shot")
        if stage in scored
    }


def _slices(
    scored: dict[str, Scores], paired: dict[str, list[Example]], fields: Sequence[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields:
        for stage, scores in scored.items():
            for value, part in slices(scores, paired[stage], field).items():
                found.setdefault(field, {}).setdefault(value, {})[stage] = part.summary()
    return found


def write_rows(run: RunFolder, rows: Sequence[Row], paired: dict[str, list[Example]]) -> None:
    """Write ``predictions/rows.jsonl``: every test row with its reference and all answers."""
    answers = {
        stage: {example.row_id: example.prediction for example in found}
        for stage, found in paired.items()
    }
    with (run.file("predictions") / "rows.jsonl").open(
        "w", encoding="utf-8", errors="backslashreplace"
    ) as file:
        for row in rows:
            line = {
                "row_id": row.row_id,
                "source": str(row.source),
                "prompt": [message.to_json() for message in row.prompt],
                "reference": row.reference,
                "fields": dict(row.fields),
                "answers": {s: found.get(row.row_id) for s, found in answers.items()},
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
