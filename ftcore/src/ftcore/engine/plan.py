"""What a run will do, before it does it: rows, tokens, steps, parameters, memory and time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ftcore.engine.estimates import Estimate
from ftcore.protocol import TrainSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one run; everything in it is shown before any compute and kept in ``plan.json``.

    ``rows`` maps train, validation, test to row counts (after the row account); ``tokens`` and
    ``supervised_tokens`` are sums over the training rows of one epoch; ``longest`` is in tokens.
    ``shaping`` has the counts of each cleaning step, of weights and of the limit: ``name``,
    ``rows``, ``changed``, ``removed``, ``added``, ``note``.
    ``engine_options`` are those of ``[backend.NAME]``, outside the guarantee; ``other_options``
    says which tables for other backends are not used.
    ``machine_problems`` would refuse the run on this machine (shown by a dry run).
    """

    recipe: str
    task: str
    description: str
    profile: str | None
    backend: str
    model: dict[str, Any]
    device: str
    rows: dict[str, int]
    formats: dict[str, str]
    tokens: int
    supervised_tokens: int
    longest: int
    max_length: int
    overlong: str
    shaping: list[dict[str, Any]]
    account: dict[str, Any]
    settings: TrainSettings
    stream: str
    stream_reused: bool
    order: str
    left_over_rows: int
    stop_token: str
    evaluation: dict[str, Any]
    export: list[str]
    estimate: Estimate
    approximate: list[str]
    warnings: list[str]
    machine_problems: list[str]
    engine_options: dict[str, Any] = field(default_factory=dict)
    other_options: list[str] = field(default_factory=list)
    processes: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return asdict(self)
