"""Causes of any text: what can be said of an answer without knowing the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ftcore.evaluation.causes import Family, Finding
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.text import normalised_words


class TextCauses(Family):
    """An answer against its reference as texts; the definitions are ft's."""

    name: ClassVar[str] = "text"
    right: ClassVar[str] = "The answer equals the reference, whitespace at both ends aside."
    causes: ClassVar[Mapping[str, str]] = {
        "empty": "There is no answer.",
        "form": "The words are the reference's; capitals, punctuation or spacing are not.",
        "extra_text": "The reference's words stand in the answer in one piece, with others around.",
        "partial": "The answer is a piece of the reference.",
        "other_text": "Anything else.",
    }

    def applies(self, example: Example, context: MetricContext) -> bool:
        """Return True: every row has a reference."""
        return True

    def judge(
        self, example: Example, context: MetricContext, values: Mapping[str, float]
    ) -> tuple[Finding, ...]:
        """Return the one cause, or nothing where the texts are equal."""
        prediction, reference = example.prediction.strip(), example.reference.strip()
        if prediction == reference:
            return ()
        if not prediction:
            return (Finding("empty"),)
        predicted, expected = normalised_words(prediction), normalised_words(reference)
        if predicted == expected:
            return (Finding("form"),)
        if expected and _contains(predicted, expected):
            return (Finding("extra_text"),)
        if predicted and _contains(expected, predicted):
            return (Finding("partial"),)
        return (Finding("other_text"),)


def _contains(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    # Joined by a character that no token holds, so that only whole words match.
    return f"\0{chr(0).join(part)}\0" in f"\0{chr(0).join(words)}\0"
