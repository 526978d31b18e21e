"""Causes of wrong answers to questions: refusal, unsupported fact, partial."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import ClassVar

from ftcore.evaluation.causes import Family, Finding, listed
from ftcore.evaluation.metric import Example, MetricContext
from ftcore.evaluation.text import normalised_words

# Words that carry no fact. Negations, and words of order in time or size, are facts.
_FUNCTION_WORDS = """
of in on at to for from by with and is are was were be been it its that this these those there as
you your i my we our they their he she his her do does did has have had will would so then also
please
的 了 是 在 为 与 和 及 也 都 就 会 请 您 你 我 我们 它 这 那 个 之 于 以 地 得 着 吗 呢 吧 即 则
"""
_CARRIES_NO_FACT = frozenset(_FUNCTION_WORDS.split())
_DECLINES = re.compile(
    r"\b(?:do|does|did|can|could)(?: ?not|n?['’]t) (?:\w+ )?"
    r"(?:say|state|mention|specify|know|answer|tell|help|assist|provide|cover|contain|have)\b"
    r"|\b(?:unable|not able) to\b|\bno (?:information|answer|mention)\b"
    r"|\bnot (?:mentioned|stated|specified|covered|known)\b|\b(?:am|are|['’]m) not sure\b"
    r"|没有(?:说明|提到|提及|规定|写|相关|答案)|未(?:说明|提到|提及|规定|写明)|不(?:知道|清楚|确定)"
    r"|(?:无法|不能)(?:回答|提供|确定|告诉)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？\n]")


class AnswerCauses(Family):
    """The facts of an answer against those of its reference, as words.

    Facts are the words of SQuAD's normalisation (jieba tokens in Chinese) without function words
    such as "of" and 的. Words are compared as they are: a right answer in other words counts as
    wrong, a wrong one in the reference's words as right. The definitions are ft's.
    """

    name: ClassVar[str] = "answers"
    right: ClassVar[str] = (
        "The answer has the reference's words, function words and order aside, and its numbers in "
        "the same order; or both decline to answer."
    )
    causes: ClassVar[Mapping[str, str]] = {
        "refusal": "The answer is empty, or its first sentence declines; the reference answers.",
        "unsupported_fact": "The answer has words that neither the reference nor the prompt has, "
        "or answers where the reference declines.",
        "partial": "Words of the reference are missing in the answer.",
        "wording": "The words are the reference's or the prompt's; their number or order is not.",
    }

    def applies(self, example: Example, context: MetricContext) -> bool:
        """Return whether the reference has any word to compare."""
        return bool(facts(example.reference))

    def judge(
        self, example: Example, context: MetricContext, values: Mapping[str, float]
    ) -> tuple[Finding, ...]:
        """Return the causes in the order of ``causes``."""
        answer, reference = example.prediction, example.reference
        predicted, expected = facts(answer), facts(reference)
        if Counter(predicted) == Counter(expected) and _numbers(predicted) == _numbers(expected):
            return ()
        declined, silent = declines(answer), declines(reference)
        if declined and silent:
            return ()
        if declined or (not predicted and not silent):
            return (Finding("refusal", "" if declined else "no answer"),)
        prompt = {word for message in example.prompt for word in facts(message.content)}
        added = _unique(word for word in predicted if word not in {*expected, *prompt})
        missing = _unique(word for word in expected if word not in set(predicted))
        found = []
        if added or (silent and predicted):
            detail = listed(added) if added else "answers what the reference leaves open"
            found.append(Finding("unsupported_fact", detail))
        if missing and predicted and not silent:
            found.append(Finding("partial", f"lacks {listed(missing)}"))
        return tuple(found) or (Finding("partial" if missing else "wording"),)


def facts(text: str) -> tuple[str, ...]:
    """Return the text's normalised words without function words."""
    return tuple(word for word in normalised_words(text) if word not in _CARRIES_NO_FACT)


def declines(text: str) -> bool:
    """Return whether the first sentence says that there is no answer (English, Chinese)."""
    return _DECLINES.search(_SENTENCE_END.split(text.strip(), maxsplit=1)[0]) is not None


def _numbers(words: tuple[str, ...]) -> list[str]:
    return [word for word in words if any(char.isdigit() for char in word)]


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
