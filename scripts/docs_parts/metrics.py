"""The metrics, from their registry, each with an example worked by hand and checked here."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from docs_parts.text import block
from ftcore.evaluation.metric import Example, Metric, MetricContext, metrics
from ftcore.evaluation.score import score

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "metrics.toml"


def reference() -> str:
    """Return every metric with its definition and its example."""
    examples = tomllib.loads(EXAMPLES.read_text("utf-8"))
    return "\n\n".join(
        part for name, metric in metrics().items() for part in _metric(metric, examples[name])
    )


def _metric(metric: type[Metric], example: dict[str, Any]) -> list[str]:
    direction = {True: "higher", False: "lower", None: "neither"}[metric.higher_is_better]
    given = [f"given:     {example['given']}"] if "given" in example else []
    shown = "\n".join([*given, *(line for row in example["rows"] for line in _row(row))])
    value = check(metric, example)
    return [
        f"### `{metric.name}`",
        f"**{metric.title}.** {metric.definition}",
        f"Unit: {metric.unit}. Better: {direction}.",
        block(shown, "text"),
        f"Value: **{value:.3f}**. {example['why'].strip()}",
    ]


def _row(row: dict[str, Any]) -> list[str]:
    known = row.get("fields", {}) | row.get("record", {})
    fields = [f"{name + ':':<11}{value!r}" for name, value in known.items()]
    return [f"reference: {row['reference']!r}", f"answer:    {row['answer']!r}", *fields]


def check(metric: type[Metric], example: dict[str, Any]) -> float:
    """Return the example's value; ValueError when it is not the one worked out by hand."""
    options = dict(example.get("options", {}))
    if "databases" in options:
        options["databases"] = ROOT / options["databases"]
    rows = [
        Example(
            str(number),
            (),
            row["reference"],
            row["answer"],
            row.get("fields", {}),
            row.get("record", {}),
        )
        for number, row in enumerate(example["rows"])
    ]
    with MetricContext(**options) as context:
        value = score(rows, [metric.name], context)[metric.name].value
    if abs(value - example["value"]) > 0.0005:
        raise ValueError(f"{metric.name}: the example says {example['value']}, ft says {value}")
    return value
