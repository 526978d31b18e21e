"""L4: the task metrics of finished runs on the same test rows, each pair's difference resampled."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftcore.comparison.levels import Level
from ftcore.errors import RunNotFound
from ftcore.evaluation.score import Scores, compare
from ftcore.runs.folder import RunFolder

NOT_MEASURED = Level(
    "L4", "not_measured", "needs finished runs of the whole recipe: --with-run RUN --with-run RUN"
)


def same_metrics(folders: Sequence[Path]) -> Level:
    """Compare the deciding metric of two or more stored runs, pair by pair.

    The level holds where no pair's interval of the difference leaves out 0. Raises `RunNotFound`
    for a run without scores, `DataError` where the test rows are not the same.
    """
    runs = [(folder, _metrics(folder)) for folder in folders]
    name = runs[0][1]["main_metric"]
    compared: list[dict[str, Any]] = []
    for (one, mine), (other, theirs) in itertools.combinations(runs, 2):
        scores = [Scores.from_json(found["scores"]["after"]) for found in (mine, theirs)]
        found = compare(*scores, seed=scores[0].seed, resamples=scores[0].resamples)[name]
        compared.append({"one": one.name, "other": other.name, **asdict(found)})
    numbers = {"metric": name, "pairs": compared}
    broken = [pair for pair in compared if pair["significant"]]
    if broken:
        worst = max(broken, key=lambda pair: abs(pair["difference"]))
        sentence = (
            f"{name} of {worst['other']} is {worst['words']} than that of {worst['one']} by "
            f"{abs(worst['difference']):.3g} ({worst['low']:.3g} to {worst['high']:.3g})"
        )
        return Level("L4", "breaks", sentence, numbers)
    widest = max(compared, key=lambda pair: abs(pair["difference"]))
    sentence = (
        f"{name} differs by at most {abs(widest['difference']):.3g} on {widest['n']} rows, no more "
        "than resampling these rows gives"
    )
    same = all(pair["difference"] == 0 for pair in compared)
    return Level("L4", "identical" if same else "holds", sentence, numbers)


def _metrics(folder: Path) -> dict[str, Any]:
    metrics = RunFolder(folder).read_json("metrics.json")
    if not metrics or "after" not in metrics.get("scores", {}):
        raise RunNotFound(f"{folder} has no scores of a trained model", code="run.no-scores")
    return dict(metrics)
