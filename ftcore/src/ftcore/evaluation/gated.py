"""Raises what a gate that does not hold comes to; the finished work is not lost with it."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from ftcore.errors import GateFailed
from ftcore.evaluation.gates import GateResult


class Gated(Protocol):
    """A result that says which gates were asked for and where its files are."""

    @property
    def gates(self) -> tuple[GateResult, ...]:
        """The gates, held or not."""

    @property
    def folder(self) -> Any:
        """The directory of the run or evaluation."""


R = TypeVar("R", bound=Gated)


class GatesNotHeld(GateFailed):
    """Gates that do not hold; ``result`` is the finished run or evaluation."""

    def __init__(self, result: Gated) -> None:
        self.result = result
        failed = [gate for gate in result.gates if not gate.held]
        found = "; ".join(f"{gate.gate}: {gate.words}" for gate in failed)
        super().__init__(
            f"{len(failed)} of {len(result.gates)} gates "
            f"do{'es' * (len(failed) == 1)} not hold: {found}",
            hint=f"why answers are wrong: {result.folder}/errors.jsonl",
            code="gate.not-held",
            details={
                "folder": str(result.folder),
                "gates": [gate.to_json() for gate in result.gates],
            },
        )


def require_held(result: R) -> R:
    """Return the result; `GatesNotHeld` where one of its gates does not hold."""
    if all(gate.held for gate in result.gates):
        return result
    raise GatesNotHeld(result)
