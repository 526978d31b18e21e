"""The causes of wrong answers, from their families, each with an example that is judged here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docs_parts.text import block
from ftcore.evaluation.causes import Family, family, title
from ftcore.evaluation.metric import Example, MetricContext

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "causes.toml"
TASKS = {
    "sql": 'SQL (`task = "sql"`)',
    "ner": 'Entities (`task = "ner"`)',
    "qa": 'Answers to questions (`task = "qa"`)',
    "chat": 'A persona (`task = "chat"`)',
    "general": "Any text",
}
# The examples of a persona: what its rows would say.
FIELDS = {"must": ["two days"], "must_not": ["language model"]}
CONTEXT = MetricContext(no_entity="No entities.", strip_prefix="Ahoy!")


def reference() -> str:
    """Return every family with its causes, their definitions and examples."""
    examples = tomllib.loads(EXAMPLES.read_text("utf-8"))
    return "\n\n".join(
        part
        for task, words in TASKS.items()
        for part in _family(words, family(task), examples[family(task).name])
    )


def _family(words: str, judge: Family, examples: Mapping[str, Any]) -> list[str]:
    parts = [f"### {words}", f"Right: {judge.right}"]
    for cause, definition in judge.causes.items():
        example = examples[cause]
        detail = _check(judge, cause, example)
        shown = [f"reference: {example['reference']!r}", f"answer:    {example['answer']!r}"]
        shown += [f"detail:    {detail}"] if detail else []
        parts += [f"**{title(cause)}** (`{cause}`): {definition}", block("\n".join(shown), "text")]
    return parts


def _check(judge: Family, cause: str, example: Mapping[str, str]) -> str:
    """Return the detail of the main cause; ValueError when that is not ``cause``."""
    row = Example("1", (), example["reference"], example["answer"], FIELDS)
    found = judge.judge(row, CONTEXT, {})
    if not found or found[0].cause != cause:
        raise ValueError(f"{judge.name}.{cause}: ft says {found}")
    return found[0].detail
