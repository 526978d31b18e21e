"""Rough memory and time of a run, with the basis of the estimate in words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.models.inspect import ModelFacts
from ftcore.protocol import TrainSettings, write_json

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Values and their scales: a byte in 64, itself quantised, for NF4; a float a row for LLM.int8().
QUANTIZED_BYTES = {"8bit": 1.01, "4bit": 0.52}
# Interpreter, torch and the engine's imports, resident, as seen on Linux.
PROCESS_MIB = 700.0
# Effective multiply-add rates where this machine has not trained before (FLOP/s); deliberately low.
ASSUMED_FLOPS = {"cpu": 1.5e11, "cuda": 2.0e13, "mps": 2.0e12}
RATES_FILE = "rates.json"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Expected peak memory (MiB) and time (seconds) of training; ``basis`` says from what."""

    memory_mib: float
    train_seconds: float
    basis: str


def estimate(
    facts: ModelFacts,
    settings: TrainSettings,
    *,
    dtype: str,
    quantization: str = "none",
    device: str,
    longest: int,
    most_supervised: int,
    train_tokens: int,
    cache: Path,
    rate_key: str,
) -> Estimate:
    """Estimate training.

    ``longest`` and ``most_supervised`` are a row's most tokens and most labels; ``train_tokens``
    counts padded tokens over all steps; ``rate_key`` names model, backend and
    settings class under which earlier runs on this machine left their measured tokens/s.
    """
    measured = read_rates(cache).get(rate_key)
    if measured:
        rate, basis = measured, "tokens/s of earlier runs on this machine"
    else:
        rate = ASSUMED_FLOPS[device] / (6 * facts.parameters)
        basis = f"6 x parameters FLOP a token at an assumed {ASSUMED_FLOPS[device]:.1e} FLOP/s"
    memory = memory_mib(
        facts,
        settings,
        dtype=dtype,
        quantization=quantization,
        longest=longest,
        most_supervised=most_supervised,
    )
    return Estimate(memory, train_tokens / rate, basis)


def memory_mib(
    facts: ModelFacts,
    settings: TrainSettings,
    *,
    dtype: str,
    quantization: str = "none",
    longest: int,
    most_supervised: int,
) -> float:
    """Estimate peak memory in MiB: weights, adapter with AdamW state, activations, logits.

    ``longest`` and ``most_supervised`` are a row's most tokens and most labels.
    """
    weights = weight_bytes(facts, dtype, quantization)
    trained = settings.trainable_parameters * 16  # weight, gradient, two moments in float32
    positions = settings.batch_size * longest
    per_position = facts.hidden_size * (2 if settings.gradient_checkpointing else 34)
    size = BYTES[dtype]
    activations = positions * per_position * facts.layers * size
    places = settings.batch_size * logit_places(settings, longest, most_supervised)
    logits = places * facts.vocab_size * (size + 8)  # logits, their float32 copy and gradient
    return PROCESS_MIB + (weights + trained + activations + logits) / 2**20


def logit_places(settings: TrainSettings, longest: int, most_supervised: int) -> int:
    """Return at how many places of a row logits are computed, at most (worker/supervised.py).

    A place of one row is a place of all rows of its micro-batch.
    """
    if settings.narrow_loss:
        return min(longest, settings.batch_size * most_supervised)
    return longest


def weight_bytes(facts: ModelFacts, dtype: str, quantization: str) -> float:
    """Return what the frozen weights take in memory; only layers inside the decoder shrink."""
    if quantization == "none":
        return facts.parameters * BYTES[dtype]
    packed = sum(rows * columns for rows, columns in facts.linear_modules().values())
    return (facts.parameters - packed) * BYTES[dtype] + packed * QUANTIZED_BYTES[quantization]


def read_rates(cache: Path) -> dict[str, float]:
    """Return the measured training rates of this machine, in tokens per second.

    A damaged file counts as none: an estimate is not worth refusing a run for.
    """
    try:
        data: dict[str, Any] = json.loads((cache / RATES_FILE).read_text(encoding="utf-8"))
        return {key: float(value) for key, value in data.items() if float(value) > 0}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember_rate(cache: Path, key: str, tokens_per_second: float) -> None:
    """Keep a measured rate for the next plan."""
    write_json({**read_rates(cache), key: tokens_per_second}, cache / RATES_FILE)
