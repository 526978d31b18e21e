from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ftcore.engine.estimates import (
    RATES_FILE,
    estimate,
    memory_mib,
    read_rates,
    remember_rate,
)


def test_an_assumed_rate_and_then_a_measured_one(toy, tmp_path: Path):
    prepared = toy.prepare()
    options = {"dtype": "float32", "device": "cpu", "longest": 40, "most_supervised": 4}
    options["cache"] = tmp_path
    first = estimate(
        prepared.facts, prepared.settings, train_tokens=1000, rate_key="key", **options
    )
    assert "assumed 1.5e+11 FLOP/s" in first.basis
    assert first.train_seconds == pytest.approx(6 * prepared.facts.parameters * 1000 / 1.5e11)
    remember_rate(tmp_path, "key", 500.0)
    remember_rate(tmp_path, "other", 1.0)
    second = estimate(
        prepared.facts, prepared.settings, train_tokens=1000, rate_key="key", **options
    )
    assert (second.train_seconds, "earlier runs" in second.basis) == (2.0, True)
    assert second.memory_mib == first.memory_mib > 700


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "fast"}', '{"key": 0}', '{"key": null}'])
def test_a_damaged_file_of_rates_counts_as_none(tmp_path: Path, text: str):
    (tmp_path / RATES_FILE).write_text(text)
    assert read_rates(tmp_path) == {}
    remember_rate(tmp_path, "key", 5.0)
    assert read_rates(tmp_path) == {"key": 5.0}


def test_memory_grows_with_what_fills_it(toy):
    prepared = toy.prepare()
    facts, settings = prepared.facts, prepared.settings

    row = {"longest": 64, "most_supervised": 8}

    def need(**changes: object) -> float:
        return memory_mib(facts, replace(settings, **changes), dtype="float32", **row)

    base = need()
    assert need(batch_size=8) > base
    assert need(gradient_checkpointing=True) < base
    assert need(trainable_parameters=10**9) > base + 10**9 * 16 / 2**20 - 1
    assert memory_mib(facts, settings, dtype="bfloat16", **row) < base
    assert need(loss="engine") > base  # computes all logits
    row["most_supervised"] = 64
    assert need() > base
