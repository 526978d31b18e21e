"""What a parity run changes about a recipe, and which rows it leaves out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ftcore.comparison.certificate import Mode
from ftcore.engine.prepare import Prepared
from ftcore.errors import DataError

LONGEST = 128  # tokens of a row in strict mode, where enough rows are that short
STEP = 64
# Whatever the mode: short, without evaluation and export.
SHORT: Mapping[str, Any] = {
    "export.formats": [],
    "train.validation.every_steps": None,
    "train.validation.patience": None,
    "train.validation.load_best": False,
    "train.checkpoints.every_steps": None,
}
# What moves bits or hides a difference: arithmetic, noise, threads, the shape of a batch.
STRICT: Mapping[str, Any] = {
    "train.precision": "fp32",
    "model.dtype": "float32",
    "train.lora.dropout": 0.0,
    "train.neftune_alpha": None,
    "train.batch_size": 2,
    "train.accumulation": 2,
    "train.padding_multiple": 8,
    "launch.threads": 1,
}


def pins(mode: Mode, steps: int) -> dict[str, Any]:
    """Return the recipe's fields that a parity run sets, by name."""
    strict = STRICT if mode == "strict" else {}
    return {"train.max_steps": steps, **SHORT, **strict}


def length_pins(longest: int) -> dict[str, Any]:
    """Return the fields that leave out rows of more than ``longest`` tokens."""
    return {"data.max_length": longest, "data.overlong": "drop", "data.allow_lost": 1.0}


def as_overrides(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return fields as ``key=value``; None unsets."""
    return tuple(
        f"{name}=" if value is None else f"{name}={json.dumps(value)}"
        for name, value in fields.items()
    )


def longest_row(prepared: Prepared, asked: int | None) -> int:
    """Return how long a row may be, in tokens: 128, or more where too few rows are that short.

    Enough are as many as the run's micro-batches hold, or half of all rows. Raises `DataError` when
    no row is as short as asked.
    """
    lengths = prepared.stream.lengths("train")
    shortest = int(lengths.min())
    if asked is not None:
        if shortest > asked:
            raise DataError(
                f"no training row has at most {asked} tokens; the shortest has {shortest}",
                hint=f"--max-length {shortest + STEP}",
                code="parity.rows",
            )
        return asked
    enough = min(len(prepared.order.rows), (len(lengths) + 1) // 2)
    limit = LONGEST
    while int((lengths <= limit).sum()) < enough:
        limit += STEP
    return limit
