"""Scores answers that were made elsewhere: a file of predictions for the recipe's test rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftcore.data.rows import Row
from ftcore.engine.evaluate import STAGE, Evaluation
from ftcore.engine.gates import Gates
from ftcore.engine.inputs import open_data, read_test
from ftcore.engine.observer import Observer
from ftcore.engine.run import recorded_end
from ftcore.engine.scoring import require_scorable, score_run
from ftcore.engine.targets import Target
from ftcore.errors import DataError, Problem
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.resolved import dump_resolved
from ftcore.runs.folder import RunFolder

BACKEND = "predictions"  # in the name and the manifest: no engine answered
SHOWN_PROBLEMS = 20
KEYS = ("prediction", "text")  # the second is that of ft's own files


def score_given(
    target: Target,
    loaded: LoadedRecipe,
    *,
    runs: Path,
    observer: Observer,
    gates: Gates | None = None,
) -> Evaluation:
    """Score a file of predictions for the recipe's test rows; no model is needed.

    What is written is what an evaluation writes, below ``runs/evaluations``.
    """
    observer.phase("prepare")
    rows = read_test(loaded)
    if not rows:
        raise DataError(
            "the recipe has no test rows", hint="set data.test or data.split.test", code="data.test"
        )
    require_scorable(loaded, rows)
    gates = gates or Gates(loaded)
    gates.require_rows(rows)
    answers = read_given(target.path, rows, limited=loaded.recipe.evaluation.limit is not None)
    run = RunFolder.create(
        runs / "evaluations",
        recipe=loaded.recipe.name,
        profile=loaded.profile,
        backend=BACKEND,
        model=str(target.path),
        seed=loaded.recipe.train.seed,
    )
    with run.lock(), recorded_end(run):
        observer.started(str(run.path))
        run.file("recipe.toml").write_text(loaded.text, encoding="utf-8")
        run.file("resolved.toml").write_text(dump_resolved(loaded), encoding="utf-8")
        lines = [json.dumps({"row_id": row_id, "text": text}) for row_id, text in answers.items()]
        file = run.file("predictions") / f"{STAGE}.jsonl"
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        observer.phase("score")
        metrics = score_run(run, loaded, rows, open_data(loaded).rows("train"))
        held = gates.check(run, metrics, rows)
        observer.scored(metrics)
        run.update(state="finished", stage=None)
    return Evaluation(run, target, loaded, None, metrics, None, held)


def read_given(path: Path, rows: Sequence[Row], *, limited: bool) -> dict[str, str]:
    """Return row id -> answer of a file with one JSON object a line.

    Each line has ``prediction`` (or ``text``), a string, and either all lines have a ``row_id`` or
    none has: then they are in the order of the test rows. Every row must be answered, once. Where
    the rows are ``limited``, answers to other rows are left aside; without ids they cannot be told
    apart, so that ids are then needed unless there are as many lines as rows. Raises one
    `DataError` with the lines that are wrong.
    """
    lines, problems = _lines(path)
    if not problems:
        problems = _unlike(path, lines)
    if problems:
        raise _refused(path, problems)
    if lines and "row_id" not in lines[0][1]:
        return _in_order(path, lines, rows)
    answers: dict[str, str] = {}
    known = {row.row_id for row in rows}
    for number, line in lines:
        row_id = line["row_id"]
        if row_id in answers:
            problems.append(_problem(path, number, f"row {row_id} is answered twice"))
        elif row_id in known:
            answers[row_id] = _answer(line)
        elif not limited:
            problems.append(_problem(path, number, f"{row_id!r} is no test row of the recipe"))
    problems += [
        Problem(f"no prediction for test row {row.row_id} ({row.source})", file=str(path))
        for row in rows
        if row.row_id not in answers
    ]
    if problems:
        raise _refused(path, problems)
    return answers


def _lines(path: Path) -> tuple[list[tuple[int, dict[str, Any]]], list[Problem]]:
    """Return the objects of the file with their line numbers, and what is wrong with others."""
    found: list[tuple[int, dict[str, Any]]] = []
    problems: list[Problem] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text: {error}", code="data.predictions") from error
    # Not splitlines(): JSON strings may hold U+2028 and its like.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(_problem(path, number, f"no JSON: {error}"))
            continue
        why = _malformed(data)
        if why:
            problems.append(_problem(path, number, why))
        else:
            found.append((number, data))
    return found, problems


def _malformed(data: Any) -> str:
    if not isinstance(data, dict):
        return "not a JSON object"
    given = [key for key in KEYS if key in data]
    if not given:
        return f"no {KEYS[0]!r} in it"
    if not isinstance(data[given[0]], str):
        return f"{given[0]!r} is no text"
    if not isinstance(data.get("row_id", ""), str):
        return "'row_id' is no text"
    return ""


def _unlike(path: Path, lines: list[tuple[int, dict[str, Any]]]) -> list[Problem]:
    """Return a problem where only some of the lines have an id."""
    without = [number for number, line in lines if "row_id" not in line]
    if not without or len(without) == len(lines):
        return []
    return [_problem(path, without[0], "no 'row_id', though other lines have one")]


def _in_order(
    path: Path, lines: list[tuple[int, dict[str, Any]]], rows: Sequence[Row]
) -> dict[str, str]:
    if len(lines) != len(rows):
        raise DataError(
            f"{path} has {len(lines)} predictions without row ids for {len(rows)} test rows",
            hint='give one line for each row, in their order, or name the row: "row_id"',
            code="data.predictions",
        )
    return {row.row_id: _answer(line) for row, (_, line) in zip(rows, lines, strict=True)}


def _answer(line: dict[str, Any]) -> str:
    return str(next(line[key] for key in KEYS if key in line))


def _problem(path: Path, number: int, message: str) -> Problem:
    return Problem(message, file=str(path), line=number)


def _refused(path: Path, problems: list[Problem]) -> DataError:
    return DataError(
        f"{path.name} has {len(problems)} problem{'s' * (len(problems) != 1)}",
        hint='one line a test row: {"row_id": ..., "prediction": ...}; the ids are those of '
        "predictions/rows.jsonl of a run, and may be left out where the order is the test file's",
        code="data.predictions",
        problems=problems[:SHOWN_PROBLEMS],
    )
