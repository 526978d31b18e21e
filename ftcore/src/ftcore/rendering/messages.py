"""The one shape of a conversation that everything behind the readers works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    ``weight`` matters for assistant turns only: 1 supervises the turn, 0 keeps it as context.
    """

    role: Role
    content: str
    weight: int = 1

    def to_json(self) -> dict[str, object]:
        """Return the turn as plain data; ``weight`` only where it is not 1."""
        data: dict[str, object] = {"role": self.role, "content": self.content}
        if self.weight != 1:
            data["weight"] = self.weight
        return data
