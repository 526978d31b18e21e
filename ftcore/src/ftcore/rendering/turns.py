"""Where each assistant turn lies in a rendered conversation, whatever the template does to it.

No generation markers are needed. The quick way is the skeleton of the role sequence. Where a
template looks into the content (thinking blocks above all), each turn is located for itself: the
conversation is rendered again with a mark in place of that one content, which gives the text
before and after it; what the real rendering has in between is what the template made of the
content. It is accepted if it is the content, up to white space and a removed thinking block;
anything else is refused, because nobody could say which of its characters are the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftcore.errors import DataError
from ftcore.rendering.ending import Ending
from ftcore.rendering.plainness import prints_contents_only
from ftcore.rendering.skeleton import Skeleton, build_skeleton, mark
from ftcore.rendering.template import ChatTemplate

_MAX_SKELETONS = 1024


@dataclass(frozen=True, slots=True)
class Turn:
    """One assistant turn: its message number and its character places in the text.

    The content is ``text[start:content_end]``; the end of turn follows and stops at ``end``
    (equal to ``content_end`` where the template writes none there).
    """

    message: int
    start: int
    content_end: int
    end: int


class TurnFinder:
    """Locates assistant turns; caches one skeleton a role sequence."""

    def __init__(self, template: ChatTemplate, ending: Ending) -> None:
        self._template = template
        self._ending = ending
        self._plans: dict[tuple[str, ...], _Plan | None] = {}
        self._plain = prints_contents_only(template.source)

    def compose(self, data: Sequence[dict[str, str]]) -> tuple[str, list[Turn]] | None:
        """Return the rendering and its turns without rendering; None where that is not proven.

        It is for templates that only print contents, and for contents that are not blank.
        """
        if not self._plain:
            return None
        contents = [turn["content"] for turn in data]
        if not all(content and not content.isspace() for content in contents):
            return None
        plan = self._plan(tuple([turn["role"] for turn in data]))
        if plan is None:
            return None
        text, places = plan.skeleton.compose(contents)
        return text, plan.turns_at(places)

    def find(self, text: str, data: Sequence[dict[str, str]]) -> list[Turn]:
        """Return the assistant turns of a rendering in order.

        ``text`` is what the template renders for ``data``. Raises DataError where the template
        rewrites an answer beyond recognition.
        """
        roles = tuple([turn["role"] for turn in data])
        plan = self._plan(roles)
        if plan is not None:
            places = plan.skeleton.places(text, [turn["content"] for turn in data])
            if places is not None:
                return plan.turns_at(places)
        return [
            self._locate(text, data, number)
            for number, role in enumerate(roles)
            if role == "assistant"
        ]

    def unprinted(self, data: Sequence[dict[str, str]]) -> tuple[int, ...]:
        """Return the numbers of messages that the template silently leaves out, if known."""
        plan = self._plan(tuple([turn["role"] for turn in data]))
        return plan.unprinted if plan else ()

    def _plan(self, roles: tuple[str, ...]) -> _Plan | None:
        if roles not in self._plans:
            if len(self._plans) >= _MAX_SKELETONS:
                self._plans.clear()
            skeleton = build_skeleton(self._template, roles)
            self._plans[roles] = (
                None if skeleton is None else _Plan.of(skeleton, roles, self._ending)
            )
        return self._plans[roles]

    def _locate(self, text: str, data: Sequence[dict[str, str]], number: int) -> Turn:
        content = data[number]["content"]
        label = _unused_mark(text)
        marked = [*data[:number], {**data[number], "content": label}, *data[number + 1 :]]
        parts = self._template.render_data(marked).split(label)
        if len(parts) == 2 and text.endswith(parts[1]):
            end = len(text) - len(parts[1])
            start = _content_start(text, end, parts[0], content)
            if start is not None:
                return Turn(number, start, end, end + self._ending.length_at(text, end))
        raise DataError(
            f"the model's chat template rewrites the assistant turn at message {number + 1}, so "
            "which of its tokens are the answer cannot be told",
            hint="Write the answer in the form the template renders unchanged; a thinking block, "
            "for example, belongs at its very beginning, as <think>...</think>.",
            code="data.template-rewrites",
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """A skeleton with, for each assistant turn, its message, its slot and its ending's length.

    ``unprinted`` are the messages that have no slot.
    """

    skeleton: Skeleton
    turns: tuple[tuple[int, int, int], ...]
    unprinted: tuple[int, ...]

    def turns_at(self, places: Sequence[tuple[int, int]]) -> list[Turn]:
        """Return the assistant turns where the slots lie at ``places``."""
        return [
            Turn(message, places[slot][0], places[slot][1], places[slot][1] + tail)
            for message, slot, tail in self.turns
        ]

    @classmethod
    def of(cls, skeleton: Skeleton, roles: Sequence[str], ending: Ending) -> _Plan:
        turns = tuple(
            (slot.message, number, ending.length_at(skeleton.after(number), 0))
            for number, slot in enumerate(skeleton.slots)
            if roles[slot.message] == "assistant"
        )
        printed = {slot.message for slot in skeleton.slots}
        unprinted = tuple(number for number in range(len(roles)) if number not in printed)
        return cls(skeleton, turns, unprinted)


def _unused_mark(text: str) -> str:
    number = 0
    while mark(number) in text:
        number += 1
    return mark(number)


def _content_start(text: str, end: int, before: str, content: str) -> int | None:
    """Return where the rendering of ``content`` starts in ``text[:end]``, None if unknown.

    ``before`` is what the template writes in front of a content without peculiarities.
    """
    if text.startswith(before) and len(before) <= end:
        shown = text[len(before) : end]
        if shown.strip() == content.strip() and shown in content:
            return len(before)
    start = _match_backwards(text, end, content)
    if start is not None and before.startswith(text[:start]):
        # The template set its own white space, or wrote the content's thinking block in the
        # place of an empty one of its own.
        return start
    if text.startswith(before) and len(before) <= end:
        shown = text[len(before) : end].strip()
        dropped = content.rstrip().removesuffix(shown) if shown else content
        if shown and content.rstrip().endswith(shown) and dropped.rstrip().endswith("</think>"):
            return len(before)
    return None


def _match_backwards(text: str, end: int, content: str) -> int | None:
    """Return where ``content``, up to white space, starts if it ends at ``end``; None if not."""
    position = end
    for character in reversed(content):
        if character.isspace():
            continue
        while position > 0 and text[position - 1].isspace():
            position -= 1
        if position == 0 or text[position - 1] != character:
            return None
        position -= 1
    return position
