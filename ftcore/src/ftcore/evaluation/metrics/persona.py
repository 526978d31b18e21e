"""Persona consistency: what an answer must say, and what it must not claim."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from ftcore.errors import DataError, Problem
from ftcore.evaluation.metric import Example, MeanMetric, Metric, MetricContext

Phrases = tuple[tuple[str, ...], ...]


class PersonaConsistency(MeanMetric):
    """Share of answers that say everything they must and nothing they must not.

    Unit: share, 0 to 1. Higher is better. Source: the definition is ft's.
    """

    name: ClassVar[str] = "persona_consistency"
    title: ClassVar[str] = "Persona consistency"
    yes_no: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "Share of rows whose answer holds every phrase of `must` (of a list: one of its "
        "phrases) and none of `must_not`, whole words, case and runs of whitespace ignored "
        "(ft's own definition)."
    )

    def applies(self, example: Example) -> bool:
        """Return whether the row says what it must or must not hold."""
        return "must" in example.fields or "must_not" in example.fields

    def problems(self, examples: Sequence[Example], context: MetricContext) -> list[Problem]:
        """Return one problem for each row whose phrases cannot be read."""
        found = []
        for example in examples:
            try:
                demands(example, context)
            except DataError as error:
                found.append(Problem(error.message, fix=error.hint, code=error.code))
        return found

    def row_score(self, example: Example, context: MetricContext) -> float:
        """Return 1 where the answer holds all it must and nothing it must not."""
        must, must_not = demands(example, context)
        answer = example.prediction
        kept = all(any(mentions(answer, phrase) for phrase in choice) for choice in must)
        broken = any(mentions(answer, phrase) for choice in must_not for phrase in choice)
        return float(kept and not broken)


def mentions(text: str, phrase: str) -> bool:
    """Return whether the text holds the phrase as whole words, case and spacing ignored.

    A phrase that begins or ends with a Chinese character needs no word boundary there.
    """
    return _pattern(phrase).search(" ".join(text.casefold().split())) is not None


@lru_cache(maxsize=4096)
def _pattern(phrase: str) -> re.Pattern[str]:
    phrase = " ".join(phrase.casefold().split())
    before = "(?<![a-z0-9])" if re.match("[a-z0-9]", phrase) else ""
    after = "(?![a-z0-9])" if re.search("[a-z0-9]$", phrase) else ""
    return re.compile(before + re.escape(phrase) + after)


def demands(example: Example, context: MetricContext) -> tuple[Phrases, Phrases]:
    """Return the phrases of the row and of the persona, as (must, must_not)."""
    sources: tuple[Mapping[str, Any], ...] = (context.persona, example.fields)
    must, must_not = (
        tuple(choice for source in sources for choice in _phrases(source.get(key), key, example))
        for key in ("must", "must_not")
    )
    return must, must_not


def _phrases(value: Any, key: str, example: Example) -> Phrases:
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    choices = []
    for item in value if isinstance(value, list | tuple) else [None]:
        choice = (item,) if isinstance(item, str) else item
        if not isinstance(choice, list | tuple) or not choice:
            raise _unreadable(key, example)
        if not all(isinstance(phrase, str) and phrase.strip() for phrase in choice):
            raise _unreadable(key, example)
        choices.append(tuple(choice))
    return tuple(choices)


def _unreadable(key: str, example: Example) -> DataError:
    return DataError(
        f"row {example.row_id}: `{key}` is not a list of phrases",
        hint=f'write "{key}": ["phrase", ["this", "or this"]]',
        code="data.persona-phrases",
    )


METRICS: tuple[type[Metric], ...] = (PersonaConsistency,)
