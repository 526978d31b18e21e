"""One test row as a report shows it: a question and texts beside each other, long ones clipped."""

from __future__ import annotations

from dataclasses import dataclass

from ftcore.report.escaping import Piece, pieces, visible

LONGEST = 1000  # characters of a question or an answer that are shown


@dataclass(frozen=True, slots=True)
class Panel:
    """One text of an example; ``text`` is None where there is no answer."""

    title: str
    text: str | None

    def pieces(self) -> tuple[Piece, ...]:
        """Return the text clipped, with marks for what does not show."""
        if not self.text:
            return (Piece("(no answer)" if self.text is None else "(empty)", True),)
        head, left_out, tail = clipped(self.text)
        note = (Piece(f"[… {left_out:,} characters left out …]", True),) if left_out else ()
        return (*pieces(head), *note, *pieces(tail))

    def block(self) -> str:
        """Return the text clipped, for a fenced block."""
        if not self.text:
            return "(no answer)" if self.text is None else "(empty)"
        head, left_out, tail = clipped(self.text)
        note = f"\n[… {left_out:,} characters left out …]\n" if left_out else ""
        return visible(head) + note + visible(tail)


@dataclass(frozen=True, slots=True)
class ExampleView:
    """One row as texts; ``words`` with their ``tone`` say how it stands, ``score`` why."""

    title: str
    source: str
    words: str
    tone: str
    score: str
    question: Panel
    answers: tuple[Panel, ...]


def clipped(text: str) -> tuple[str, int, str]:
    """Return the beginning of a long text, how many characters are left out, and its end."""
    if len(text) <= LONGEST:
        return text, 0, ""
    head, tail = LONGEST * 3 // 5, LONGEST * 2 // 5
    return text[:head], len(text) - head - tail, text[-tail:]
