"""What a difference between two trainings is: one sentence, and how much it touches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, found by looking or by switching one thing and training again.

    ``code`` is its stable name, ``level`` the level that it breaks. ``touches`` counts what it
    concerns: unit -> (touched, of how many). ``switch`` makes the plain loop do the same (see
    `comparison.switches`); ``confirmed`` says whether the curves met with it, None where that was
    not tried, and ``left`` how far the per-step loss was still apart then.
    """

    code: str
    level: str
    backend: str
    sentence: str
    touches: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    switch: Mapping[str, Any] | None = None
    confirmed: bool | None = None
    left: float | None = None

    def in_words(self) -> str:
        """Return the sentence with what it touches and whether it was confirmed."""
        counts = ", ".join(f"{n} of {total} {unit}" for unit, (n, total) in self.touches.items())
        text = f"{self.backend} {self.sentence}" + (f" ({counts})" if counts else "")
        if self.confirmed:
            text += "; doing the same in the plain loop makes the curves meet"
        return text
