"""What is wrong with an answer: one family of causes for each kind of task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ftcore.evaluation.metric import Example, MetricContext

SHOWN_WORDS = 8  # names and words that a detail lists


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, and in a few words what it was in this answer."""

    cause: str
    detail: str = ""


class Family(ABC):
    """The causes of one kind of task.

    ``right`` says in one sentence when an answer is right; ``causes`` has the definition of every
    cause, the one that counts first at the top.
    """

    name: ClassVar[str]
    right: ClassVar[str]
    causes: ClassVar[Mapping[str, str]]

    @abstractmethod
    def applies(self, example: Example, context: MetricContext) -> bool:
        """Return whether the family can judge the row; the prediction is not looked at."""

    @abstractmethod
    def judge(
        self, example: Example, context: MetricContext, values: Mapping[str, float]
    ) -> tuple[Finding, ...]:
        """Return why the answer is wrong, the main cause first; nothing where it is right.

        Each cause is named at most once. ``values`` holds what is known of the row already: the
        values of metrics on it by name. A bad prediction never raises.
        """


def family(task: str) -> Family:
    """Return the family of a recipe's ``task``; rows that it cannot judge are plain texts."""
    # Imported here because those modules import this one.
    from ftcore.evaluation.causes_ner import EntityCauses
    from ftcore.evaluation.causes_persona import PersonaCauses
    from ftcore.evaluation.causes_qa import AnswerCauses
    from ftcore.evaluation.causes_sql import SqlCauses

    known: dict[str, type[Family]] = {
        "sql": SqlCauses,
        "ner": EntityCauses,
        "qa": AnswerCauses,
        "chat": PersonaCauses,
    }
    return known[task]() if task in known else plain_family()


def plain_family() -> Family:
    """Return the family that can judge every row."""
    from ftcore.evaluation.causes_text import TextCauses

    return TextCauses()


def title(cause: str) -> str:
    """Return a cause as people read it."""
    return cause.replace("_", " ")


def listed(names: list[str]) -> str:
    """Return names separated by commas, a long list cut."""
    shown = ", ".join(names[:SHOWN_WORDS])
    rest = len(names) - SHOWN_WORDS
    return f"{shown} and {rest} more" if rest > 0 else shown
