"""Causes of answers that are not the persona's: out of role, wrong name or fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ftcore.errors import DataError
from ftcore.evaluation.causes import Family, Finding, listed
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.metrics.persona import demands, mentions


class PersonaCauses(Family):
    """An answer against what the persona must say, must not say, and how it opens and closes.

    Built on the phrases of the metric ``persona_consistency`` and the recipe's fixed opening and
    closing (``evaluation.text``), which count where the reference has them; the definitions are
    ft's.
    """

    name: ClassVar[str] = "persona"
    right: ClassVar[str] = (
        "The answer says all of `must`, nothing of `must_not`, and opens and closes as the "
        "reference does."
    )
    causes: ClassVar[Mapping[str, str]] = {
        "out_of_role": "The answer says a phrase of `must_not`, or lacks the fixed opening or "
        "closing.",
        "wrong_name_or_fact": "The answer lacks a phrase of `must`: a name or a fact.",
    }

    def applies(self, example: Example, context: MetricContext) -> bool:
        """Return whether the row or the recipe says what an answer must and must not hold."""
        try:
            must, must_not = demands(example, context)
        except DataError:
            return False
        return bool(must or must_not)

    def judge(
        self, example: Example, context: MetricContext, values: Mapping[str, float]
    ) -> tuple[Finding, ...]:
        """Return up to two causes, out of role first."""
        must, must_not = demands(example, context)
        answer = example.prediction
        role = [
            f"says {phrase!r}" for one in must_not for phrase in one if mentions(answer, phrase)
        ]
        role += _form(example, context)
        facts = [
            " or ".join(map(repr, one))
            for one in must
            if not any(mentions(answer, phrase) for phrase in one)
        ]
        found = [Finding("out_of_role", listed(role))] if role else []
        found += [Finding("wrong_name_or_fact", f"lacks {listed(facts)}")] if facts else []
        return tuple(found)


def _form(example: Example, context: MetricContext) -> list[str]:
    """Return what is missing of the fixed opening and closing that the reference keeps."""
    answer, reference = example.prediction.strip(), example.reference.strip()
    opening, closing = context.strip_prefix.strip(), context.strip_suffix.strip()
    found = []
    if opening and reference.startswith(opening) and not answer.startswith(opening):
        found.append("lacks the opening")
    if closing and reference.endswith(closing) and not answer.endswith(closing):
        found.append("lacks the closing")
    return found
