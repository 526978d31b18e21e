"""The gates of a run as a table: what was found, what was asked for, whether it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ftcore.evaluation.gates import GateResult
from ftcore.report import numbers
from ftcore.report.grid import Cell, Column, Grid

_COLUMNS = (Column("Gate", number=False), Column("Value"), Column("Bound"), Column("Holds"))


def read_gates(metrics: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """Return the gates of ``metrics.json``; nothing where none was asked for."""
    return tuple(GateResult(**gate) for gate in metrics.get("gates", ()))


def gates_grid(gates: Iterable[GateResult]) -> Grid:
    """Return one row a gate; for a comparison with a run the value is the paired difference."""
    return Grid(_COLUMNS, tuple(map(_row, gates)))


def _row(gate: GateResult) -> tuple[Cell, ...]:
    value = Cell(numbers.metric(gate.value))
    if gate.difference is not None:
        low, high = gate.difference["low"], gate.difference["high"]
        note = numbers.signed_interval(low, high)
        value = Cell(numbers.signed(gate.value), note, gate.difference["words"])
    held = Cell("", words="yes" if gate.held else "no", tone="good" if gate.held else "bad")
    return (Cell(gate.gate), value, Cell(f"{gate.bound:g}".replace("-", numbers.MINUS)), held)
