"""What a chat template does to contents, in sentences for the plan and the report."""

from __future__ import annotations

from ftcore.errors import DataError
from ftcore.rendering.ending import Ending
from ftcore.rendering.messages import Message
from ftcore.rendering.prompts import header_text
from ftcore.rendering.skeleton import build_skeleton, mark
from ftcore.rendering.template import ChatTemplate

_ROLES = ("user", "assistant", "user", "assistant")


def describe_template(template: ChatTemplate, ending: Ending) -> tuple[str, ...]:
    """Return one sentence for each thing about ``template`` that a user should know."""
    notes = [
        _ending_note(ending),
        _white_space_note(template),
        _middle_note(template, ending),
        _header_note(template),
        _thinking_note(template),
        _system_note(template),
    ]
    if template.prints_the_date:
        notes.append("The template prints today's date, so rows change from day to day.")
    return tuple(note for note in notes if note)


def _ending_note(ending: Ending) -> str | None:
    if not ending.appended:
        return None
    return (
        "The template ends no assistant turn: the token that opens the next turn stops the "
        f"model. {ending.token} is appended to rows that end with an answer, and supervised."
    )


def _white_space_note(template: ChatTemplate) -> str | None:
    skeleton = build_skeleton(template, _ROLES)
    slots = [slot for slot in skeleton.slots if slot.message == 1] if skeleton else []
    if any(slot.left or slot.right for slot in slots):
        return "The template strips white space around answers; what it prints is supervised."
    return None


def _middle_note(template: ChatTemplate, ending: Ending) -> str | None:
    skeleton = build_skeleton(template, _ROLES)
    for number, slot in enumerate(skeleton.slots if skeleton else ()):
        if skeleton and slot.message == 1 and not ending.length_at(skeleton.after(number), 0):
            return (
                "The template ends only the last assistant turn; earlier ones are supervised "
                "without an end of turn."
            )
    return None


def _header_note(template: ChatTemplate) -> str | None:
    question = (Message("user", "Hello"),)
    try:
        prompt = template.render(question, add_generation_prompt=True)
    except DataError:
        return None
    header = header_text(template, question)
    if header is None or header.rstrip() == prompt.rstrip():
        return None
    return (
        f"The generation prompt ends with {_ending_of(prompt, header)!r}, rows have "
        f"{_ending_of(header, prompt)!r} in front of a plain answer; prompts follow the rows, "
        "and this text is not supervised."
    )


def _ending_of(text: str, other: str) -> str:
    """Return the last line or so of ``text``, from a little before it leaves ``other``."""
    common = 0
    while common < min(len(text), len(other)) and text[common] == other[common]:
        common += 1
    return text[max(0, min(common, len(text)) - 12) :]


def _thinking_note(template: ChatTemplate) -> str | None:
    answer = f"<think>\n{mark(0)}\n</think>\n\n{mark(1)}"
    messages = [Message("user", "Hello"), Message("assistant", answer)]
    try:
        last = template.render(messages)
        earlier = template.render([*messages, *messages])
    except DataError:
        return None
    if mark(0) not in last:
        return "The template removes thinking blocks from answers; the rest is supervised."
    if earlier.count(mark(0)) == 1:
        return "The template removes thinking blocks from all answers but the last one."
    return None


def _system_note(template: ChatTemplate) -> str | None:
    """Tell what becomes of a system message in a row that ends with an answer."""
    messages = [Message("user", "Hello"), Message("assistant", "Hi")]
    try:
        text = template.render([Message("system", mark(0)), *messages])
    except DataError:
        return "The template accepts no system message; rows that have one are dropped."
    if mark(0) not in text:
        return "The template leaves the system message out of rows that end with an answer."
    return None
