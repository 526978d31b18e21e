from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.entity_labels import LABEL_METRICS, by_label, used_labels
from ftcore.evaluation.score import score

NONE = "No entities."
LABELS = ("GPE", "LOC", "ORG", "PER")
GOLDEN = Path(__file__).parents[1] / "golden" / "entities.jsonl"
Pair = tuple[str, str]


def text(*entities: Pair) -> str:
    lines = [json.dumps({"entity_text": t, "entity_label": label}) for t, label in entities]
    return "\n".join(lines) if lines else NONE


def rows() -> list[Example]:
    return [
        Example("1", (), text(("a", "GPE"), ("b", "ORG")), text(("a", "GPE"), ("b", "GPE"))),
        Example("2", (), NONE, "prose"),
        Example("3", (), text(("c", "PER")), text(("c", "PER"))),
    ]


def values(context: MetricContext) -> dict[str, float]:
    names = [f"entity_macro_{figure}" for figure in ("f1", "precision", "recall")]
    return {name: score(rows(), names, context)[name].value for name in names}


def test_macro_is_the_mean_over_labels_that_are_used() -> None:
    # GPE: 1 of 2 and of 1; ORG: 0 of 0 and of 1; PER: 1 of 1 and of 1; LOC on neither side.
    found = values(MetricContext(labels=LABELS, no_entity=NONE))
    assert found == pytest.approx(
        {
            "entity_macro_f1": (2 / 3 + 0 + 1) / 3,
            "entity_macro_precision": (1 / 2 + 0 + 1) / 3,
            "entity_macro_recall": (1 + 0 + 1) / 3,
        }
    )
    assert values(MetricContext(no_entity=NONE)) == pytest.approx(found)


def test_the_counts_say_their_labels() -> None:
    context = MetricContext(labels=("PER",), no_entity=NONE)
    scored = score(rows(), ["entity_macro_f1"], context)["entity_macro_f1"]
    assert scored.columns == ("PER: points", "PER: predicted", "PER: reference")
    assert scored.counts.tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]
    assert used_labels(rows(), MetricContext(no_entity=NONE)) == ("GPE", "ORG", "PER")


def test_no_label_at_all_is_undefined() -> None:
    example = Example("1", (), NONE, text(("a", "GPE")))
    scored = score([example], ["entity_macro_f1"], MetricContext(no_entity=NONE))
    assert math.isnan(scored["entity_macro_f1"].value)
    assert scored["entity_macro_f1"].counts.shape == (1, 0)


def test_one_label_alone() -> None:
    parts = by_label(rows(), MetricContext(labels=LABELS, no_entity=NONE))
    assert list(parts) == list(LABELS)
    assert parts["ORG"][0].reference == text(("b", "ORG"))
    assert parts["ORG"][0].prediction == NONE
    assert parts["LOC"][1].prediction == NONE


def load(line: str) -> tuple[list[Example], dict[str, float]]:
    """Return a generated set as benchmarks/entity_scores.py shows it to ft."""
    data: dict[str, Any] = json.loads(line)
    examples = []
    for number, row in enumerate(data["rows"]):
        words = [f"w{place:02d}" for place in range(row["words"])]
        sides = [
            text(*((" ".join(words[start : end + 1]), label) for start, end, label in row[side]))
            for side in ("true", "pred")
        ]
        examples.append(Example(str(number), (), *sides, {"text": " ".join(words)}))
    return examples, data["scores"]


def test_equal_to_nervaluate_and_seqeval() -> None:
    """The file was written by benchmarks/entity_scores.py: nervaluate 1.2.1, seqeval 1.2.2."""
    context = MetricContext(labels=LABELS, no_entity=NONE)
    figures = ("f1", "precision", "recall")
    ours = {"micro": "entity", "strict": "entity", "macro": "entity_macro"}
    ours["partial"] = "entity_partial"
    names = {f"{kind} {f}": f"{prefix}_{f}" for kind, prefix in ours.items() for f in figures}
    lines = GOLDEN.read_text("utf-8").splitlines()
    assert len(lines) == 200
    for line in lines:
        examples, expected = load(line)
        scored = score(examples, sorted(set(names.values())), context, resamples=1)
        found = {theirs: scored[name].value for theirs, name in names.items()}
        partial = []
        for label, only in by_label(examples, context).items():
            parts = score(only, ["entity_f1", "entity_partial_f1"], context, resamples=1)
            found[f"strict f1 {label}"] = parts["entity_f1"].value
            found[f"partial f1 {label}"] = parts["entity_partial_f1"].value
            partial.append(parts["entity_partial_f1"].value)
        assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
        macro = score(examples, ["entity_partial_macro_f1"], context, resamples=1)
        defined = [value for value in partial if not math.isnan(value)]
        assert macro["entity_partial_macro_f1"].value == pytest.approx(sum(defined) / len(defined))


def test_the_figures_of_one_label_are_named() -> None:
    assert {"entity_f1", "entity_partial_recall"} < LABEL_METRICS
    assert len(LABEL_METRICS) == 6
