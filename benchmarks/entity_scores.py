"""Are ft's entity figures those of nervaluate and seqeval? Generated test sets.

    uv venv ORACLE && uv pip install --python ORACLE/bin/python nervaluate==1.2.1 seqeval==1.2.2
    python benchmarks/entity_scores.py ORACLE/bin/python [--write FILE]

``--write tests/evaluation/golden/entities.jsonl`` renews what the tests compare with.

In each set, entities do not overlap within a row and every word occurs once, so that a text says
its place. Answers have entities lost, added, with other boundaries or labels. Strict and partial
figures over all labels and F1 of each label come from nervaluate, strict micro and macro averages
from seqeval on IOB2 tags. Exits 1 where a figure differs by over 1e-9.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from ftcore.evaluation.metric import Example, MetricContext, get_metric
from ftcore.evaluation.metrics.entity_labels import by_label
from ftcore.evaluation.score import score

SETS, SEED, LABELS, NONE = 200, 77, ("GPE", "LOC", "ORG", "PER"), "No entities."
Span = tuple[int, int, str]  # first word, last word, label
Sets = list[list[dict[str, Any]]]

ORACLE = """
import json, sys, warnings

warnings.simplefilter("ignore")
from nervaluate.evaluator import Evaluator
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

LABELS = ["GPE", "LOC", "ORG", "PER"]


def tags(words, spans):
    found = ["O"] * words
    for start, end, label in spans:
        found[start] = f"B-{label}"
        found[start + 1 : end + 1] = [f"I-{label}"] * (end - start)
    return found


def dicts(spans):
    return [{"start": start, "end": end, "label": label} for start, end, label in spans]


results = []
for rows in json.load(sys.stdin):
    true, pred = ([tags(row["words"], row[side]) for row in rows] for side in ("true", "pred"))
    scores = {}
    for average in ("micro", "macro"):
        for name, function in (("precision", precision_score), ("recall", recall_score),
                               ("f1", f1_score)):
            scores[f"{average} {name}"] = function(
                true, pred, average=average, mode="strict", scheme=IOB2, zero_division=0)
    found = Evaluator([dicts(row["true"]) for row in rows], [dicts(row["pred"]) for row in rows],
                      tags=LABELS, loader="dict").evaluate()
    for schema in ("strict", "partial"):
        overall = found["overall"][schema]
        for name in ("precision", "recall", "f1"):
            scores[f"{schema} {name}"] = getattr(overall, name)
        for label, by_schema in found["entities"].items():
            scores[f"{schema} f1 {label}"] = by_schema[schema].f1
    results.append(scores)
json.dump(results, sys.stdout)
"""


def spans(words: int, rng: random.Random) -> list[Span]:
    """Return entities that do not overlap, in the order of the text."""
    found, place = [], 0
    while place < words:
        if rng.random() < 0.3:
            end = min(place + rng.choice((0, 0, 1, 2)), words - 1)
            found.append((place, end, rng.choice(LABELS)))
            place = end
        place += 1
    return found


def answered(true: list[Span], words: int, rng: random.Random) -> list[Span]:
    """Return what a model might find: boundaries, labels, losses and additions."""
    found: list[Span] = []
    for start, end, label in [*true, *spans(words, rng)[:1]]:
        if rng.random() < 0.15:
            continue
        if rng.random() < 0.25:
            start, end = max(0, start - rng.randint(0, 1)), min(words - 1, end + rng.randint(0, 2))
        if rng.random() < 0.2:
            label = rng.choice(LABELS)
        if not any(start <= other_end and other <= end for other, other_end, _ in found):
            found.append((start, end, label))
    return sorted(found)


def make_sets() -> Sets:
    """Return the sets, the same ones every time; none of them without any entity."""
    sets: Sets = []
    rng = random.Random(SEED)
    while len(sets) < SETS:
        rows = []
        for _ in range(rng.randint(1, 6)):
            words = rng.randint(1, 14)
            true = spans(words, rng)
            rows.append({"words": words, "true": true, "pred": answered(true, words, rng)})
        if any(row["true"] for row in rows) and any(row["pred"] for row in rows):
            sets.append(rows)
    return sets


def example(number: int, row: dict[str, Any]) -> Example:
    """Return the row as ft sees it: a text, JSON lines on both sides."""
    words = [f"w{place:02d}" for place in range(row["words"])]

    def written(found: list[Span]) -> str:
        entities = (
            {"entity_text": " ".join(words[start : end + 1]), "entity_label": label}
            for start, end, label in found
        )
        return "\n".join(json.dumps(entity) for entity in entities) or NONE

    fields = {"text": " ".join(words)}
    return Example(str(number), (), written(row["true"]), written(row["pred"]), fields)


def our_scores(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return ft's figures under the oracle's names."""
    examples = [example(number, row) for number, row in enumerate(rows)]
    context = MetricContext(labels=LABELS, no_entity=NONE)
    metrics = {f"micro {name}": f"entity_{name}" for name in ("f1", "precision", "recall")}
    metrics |= {f"strict {name}": f"entity_{name}" for name in ("f1", "precision", "recall")}
    metrics |= {f"macro {name}": f"entity_macro_{name}" for name in ("f1", "precision", "recall")}
    for name in ("f1", "precision", "recall"):
        metrics[f"partial {name}"] = f"entity_partial_{name}"
    scored = score(examples, sorted(set(metrics.values())), context, resamples=1)
    found = {theirs: scored[ours].value for theirs, ours in metrics.items()}
    for label, only in by_label(examples, context).items():
        parts = score(only, ["entity_f1", "entity_partial_f1"], context, resamples=1)
        found[f"strict f1 {label}"] = parts["entity_f1"].value
        found[f"partial f1 {label}"] = parts["entity_partial_f1"].value
    partial = [found[f"partial f1 {label}"] for label in LABELS]
    defined = [value for value in partial if not math.isnan(value)]
    macro = get_metric("entity_partial_macro_f1").name
    value = score(examples, [macro], context, resamples=1)[macro].value
    if abs(value - sum(defined) / len(defined)) > 1e-9:
        raise ValueError("entity_partial_macro_f1 is not the mean of the labels' figures")
    return found


def main() -> int:
    """Compare; with ``--write`` also keep the sets and the oracles' figures as test data."""
    parser = argparse.ArgumentParser(description="ft's entity figures against two libraries'.")
    parser.add_argument("python", help="interpreter of an environment with both libraries")
    parser.add_argument("--write", type=Path, help="file for the sets and their figures")
    options = parser.parse_args()
    sets = make_sets()
    done = subprocess.run(
        [options.python, "-c", ORACLE], input=json.dumps(sets), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    expected: list[dict[str, float]] = json.loads(done.stdout)
    largest, figures = 0.0, 0
    for rows, theirs in zip(sets, expected, strict=True):
        ours = our_scores(rows)
        figures += len(theirs)
        largest = max(largest, *(abs(ours[name] - value) for name, value in theirs.items()))
    print(f"{len(sets)} sets, {figures} figures; largest difference: {largest:.2g}")
    if options.write:
        lines = (
            json.dumps({"rows": rows, "scores": {k: round(v, 11) for k, v in theirs.items()}})
            for rows, theirs in zip(sets, expected, strict=True)
        )
        options.write.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(largest > 1e-9)


if __name__ == "__main__":
    sys.exit(main())
