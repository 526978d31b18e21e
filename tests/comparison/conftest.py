"""Records of trainings made by hand, on a real stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ftcore.comparison.record import Micro, Observed, Point, TrainingRecord, Update
from ftcore.comparison.rows_seen import stored_rows

STEPS = 4
GROUP = {"lr": 1e-3, "weight_decay": 0.0, "betas": [0.9, 0.999], "eps": 1e-8, "tensors": 2}
NETWORK = {
    "trained": {
        name: {"shape": [2], "dtype": "float32", "digest": name}
        for name in ("a.weight", "b.weight")
    },
    "frozen": {"float32": 5},
    "dropout": {},
    "attention": "sdpa",
    "threads": 1,
    "deterministic": True,
}


@pytest.fixture
def make_record(toy: Any, tmp_path: Path) -> Callable[..., TrainingRecord]:
    """A function that returns a finished training of four steps; keywords replace its fields.

    ``values`` are its final weights, ``updates`` and ``network`` replace what was observed.
    """
    prepared = toy.prepare(f"train.max_steps={STEPS}", "train.scheduler=constant")
    expected = {(s, m, r): d for s, m, r, d in prepared.stream.expected_receipts(prepared.order)}
    rows = stored_rows(prepared.stream.path("train"))

    def micro(place: tuple[int, int, int]) -> Micro:
        picked = [rows[n] for n in prepared.order.micro_batch(*place)]
        ids, labels = zip(*picked, strict=True)
        tokens = sum(label != -100 for row in labels for label in row)
        return Micro(place, 64, ids, labels, 1.0, 2.0 * tokens, tokens, "float32")

    def make(
        name: str = "one",
        values: float = 1.0,
        updates: dict[str, Any] | None = None,
        network: dict[str, Any] | None = None,
        micros: Callable[[Micro], Micro] = lambda found: found,
        **changes: Any,
    ) -> TrainingRecord:
        folder = tmp_path / "records" / name
        (folder / "adapter").mkdir(parents=True, exist_ok=True)
        tensors = {key: np.full(2, values, "<f4") for key in ("a.weight", "b.weight")}
        save_file(tensors, folder / "adapter" / "adapter_model.safetensors")
        group = {**GROUP, **(updates or {})}
        observed = Observed(
            {**NETWORK, **(network or {})},
            {place: micros(micro(place)) for place in expected},
            {step: Update(step, "AdamW", (group,), 0.5) for step in range(STEPS)},
        )
        fields: dict[str, Any] = {
            "name": name,
            "folder": folder,
            "backend": name,
            "stream": prepared.stream,
            "order": prepared.order,
            "settings": asdict(prepared.settings),
            "points": tuple(Point(step + 1, 2.0, 0.5, 1e-3) for step in range(STEPS)),
            "receipts": dict(expected),
            "expected": expected,
            "observed": observed,
            "versions": {"torch": "2"},
            "environment": {},
            "errors": (),
            "seconds": 1.0,
        }
        return TrainingRecord(**{**fields, **changes})

    return make
