"""Scores the predictions of a run: each stage alone, and after minus before on the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftcore.data.rows import Row
from ftcore.engine.error_analysis import write_errors
from ftcore.engine.resources import generation_figures, validation_figures
from ftcore.errors import DataError, Problem
from ftcore.evaluation.metric import Example, MetricContext, get_metric
from ftcore.evaluation.metrics.entity_labels import LABEL_METRICS, by_label
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
    return {row_id: record["text"] for row_id, record in read_records(path).items()}


def read_records(path: Path) -> dict[str, dict[str, Any]]:
    """Return row id -> all that a predictions file says of the answer."""
    # Not splitlines(): an answer may hold U+2028 and its like, which JSON leaves as they are.
    text = path.read_text(encoding="utf-8")
    lines = (json.loads(line) for line in text.split("\n") if line)
    return {line["row_id"]: line for line in lines}


def examples(rows: Sequence[Row], records: Mapping[str, Mapping[str, Any]]) -> list[Example]:
    """Pair rows with the records of their answers, in the rows' order."""
    return [
        Example(row.row_id, row.prompt, row.reference, record["text"], row.fields, record)
        for row in rows
        if (record := records.get(row.row_id)) is not None
    ]


def unscorable(loaded: LoadedRecipe, rows: Sequence[Row]) -> list[Problem]:
    """Return what would keep test rows from being scored, found without any prediction."""
    # Metrics of the generation's own record will have one.
    records = {row.row_id: {"text": "", "token_ids": (), "finish": "stop"} for row in rows}
    unanswered = examples(rows, records)
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


def score_run(
    run: RunFolder, loaded: LoadedRecipe, rows: Sequence[Row], train: Iterable[Row] = ()
) -> dict[str, Any]:
    """Score every stage that left predictions; writes and returns ``metrics.json``.

    Its keys: ``main`` (the deciding metric on the deciding slice: ``metric``, ``slice``,
    ``stages``, ``differences``); ``main_metric``; ``stages`` (stage -> metric -> value, interval,
    n); ``differences`` (baseline -> metric -> paired after-minus-baseline difference with
    interval, p-values, and the smallest difference that would be noticed); ``slices`` (field ->
    value -> stage -> metric; also ``entity_label``, where the metrics are of entities);
    ``generation`` and ``validation`` (figures of whole stages: speed, memory, loss); ``errors``
    (test rows by state and by cause); ``scores`` (per-row counts, for later comparisons). ``train``
    are the rows among which the nearest of each test row is looked for.
    """
    evaluation = loaded.recipe.evaluation
    scored: dict[str, Scores] = {}
    paired: dict[str, list[Example]] = {}
    with metric_context(loaded) as context:
        for stage in STAGES:
            path = run.file("predictions") / f"{stage}.jsonl"
            if path.exists():
                paired[stage] = examples(rows, read_records(path))
                scored[stage] = score(
                    paired[stage],
                    evaluation.metrics,
                    context,
                    seed=evaluation.seed,
                    resamples=evaluation.resamples,
                )
        errors = write_errors(run, loaded, paired, scored, context, rows=rows, train=train)
    metrics = {
        "main": _main(loaded, scored, paired),
        "main_metric": main_metric(loaded),
        "stages": {stage: scores.summary() for stage, scores in scored.items()},
        "differences": _differences(loaded, scored),
        "slices": _slices(scored, paired, evaluation.slices) | _by_label(loaded, paired),
        "generation": generation_figures(run),
        "validation": validation_figures(run),
        "errors": errors,
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
    differences = _differences(loaded, deciding)
    return {
        "metric": name,
        "slice": evaluation.main_slice,
        "stages": {stage: scores.summary()[name] for stage, scores in deciding.items()},
        "differences": {stage: found[name] for stage, found in differences.items()},
    }


def _differences(loaded: LoadedRecipe, scored: dict[str, Scores]) -> dict[str, Any]:
    evaluation = loaded.recipe.evaluation
    found: dict[str, Any] = {}
    if "after" not in scored:
        return found
    for stage in ("before", "few_shot"):
        if stage in scored:
            compared = compare(
                scored[stage],
                scored["after"],
                main=main_metric(loaded),
                seed=evaluation.seed,
                resamples=evaluation.resamples,
            )
            found[stage] = differences_to_json(compared)
    return found


def _slices(
    scored: dict[str, Scores], paired: dict[str, list[Example]], fields: Sequence[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields:
        for stage, scores in scored.items():
            for value, part in slices(scores, paired[stage], field).items():
                found.setdefault(field, {}).setdefault(value, {})[stage] = part.summary()
    return found


def _by_label(loaded: LoadedRecipe, paired: dict[str, list[Example]]) -> dict[str, Any]:
    """Return the entity metrics as each label alone has them, in the form of slices."""
    evaluation = loaded.recipe.evaluation
    names = [name for name in evaluation.metrics if name in LABEL_METRICS]
    if not names:
        return {}
    found: dict[str, Any] = {}
    with metric_context(loaded) as context:
        for stage, examples in paired.items():
            for label, only in by_label(examples, context).items():
                part = score(
                    only, names, context, seed=evaluation.seed, resamples=evaluation.resamples
                )
                found.setdefault(label, {})[stage] = part.summary()
    return {"entity_label": found}


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
