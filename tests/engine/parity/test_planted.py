"""Planted differences: each is found and named, by looking and by doing the same in the plain loop.

The engine is the real one, in its own environment (``FT_CACHE``); the model is tiny.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import ftcore
from ftcore.comparison.certificate import Certificate

pytestmark = pytest.mark.heavy

SITE = Path(__file__).parents[2] / "planted"
STEPS = 6
LANDS = ["France", "Italy", "Spain", "Japan", "Peru", "Egypt", "Cuba", "Kenya", "中国", "Norway"]
RECIPE = """
name = "planted"
[model]
id = "{model}"
[data]
train = "train.jsonl"
format = "prompt_completion"
[train]
learning_rate = 1e-2
[evaluation]
metrics = ["exact_match"]
[launch]
device = "cpu"
"""
# Backend -> the level that breaks, and the finding.
PLANTED = {
    "weight_decay": ("L3", "weight-decay"),
    "end_of_turn": ("L1", "end-of-turn"),
    "newline": ("L1", "newline"),
    "system_prompt": ("L1", "system-prompt"),
    "beta2": ("L3", "betas"),
    "cosine": ("L3", "scheduler"),
    "mean_of_means": ("L2", "normalisation"),
    "truncated": ("L1", "truncation"),
    "shuffled": ("L1", "order"),
    "bf16": ("L2", "precision"),
}

Certify = Callable[..., Certificate]


@pytest.fixture(scope="module")
def certify(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Certify:
    """A function that holds a planted backend against TRL and the plain loop."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "planted.toml").write_text(RECIPE.format(model=tiny_model), encoding="utf-8")
    rows = [
        {"prompt": f"Which capital has {land}?", "completion": f"{land}! " * (1 + number % 4)}
        for number, land in enumerate(LANDS)
    ]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")

    def run(*backends: str, reference: bool = True, limit: float = 1.0) -> Certificate:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(SITE)
            return ftcore.parity(
                folder / "planted.toml",
                backends=backends,
                reference=reference,
                steps=STEPS,
                overrides=[f"train.max_grad_norm={limit}"],
                runs=folder / "runs",
                progress=False,
            ).certificate

    return run


def test_without_a_plant_the_bits_are_the_same(certify: Certify):
    certificate = certify("trl")
    assert certificate.identical, certificate.sentence
    assert certificate.findings == ()
    assert certificate.sentence == "trl and the plain loop trained 6 steps to the same bits."


@pytest.mark.parametrize("backend", PLANTED)
def test_a_planted_difference_is_named(certify: Certify, backend: str):
    level, code = PLANTED[backend]
    certificate = certify("trl", backend)
    assert certificate.breaks_at == level
    (finding,) = certificate.findings
    assert (finding.backend, finding.level, finding.code) == (backend, level, code)
    assert finding.confirmed, finding
    assert finding.left is not None
    assert finding.left <= 1e-6
    assert all(0 < touched <= total for touched, total in finding.touches.values())
    assert finding.touches
    pair = next(p for p in certificate.pairs if {p.one, p.other} == {"trl", backend})
    assert pair.first is not None
    assert pair.first <= STEPS
    assert backend in certificate.sentence
    assert f"breaks at {level}" in certificate.sentence


def test_what_is_not_clipped_is_seen_in_the_gradients(certify: Certify):
    (finding,) = certify("trl", "unclipped", limit=0.003).findings
    assert finding.code == "clipping"
    assert finding.confirmed


def test_what_cannot_be_seen_is_found_by_switching(certify: Certify):
    (finding,) = certify("trl", "hidden_decay").findings
    assert finding.code == "weight-decay"
    assert finding.confirmed
    assert "0.1" in finding.sentence


def test_two_differences_are_both_named(certify: Certify):
    certificate = certify("trl", "two_at_once")
    assert {finding.code for finding in certificate.findings} == {"newline", "weight-decay"}
    assert all(finding.confirmed for finding in certificate.findings)


def test_what_no_switch_does_is_said_to_be_unknown(certify: Certify):
    (finding,) = certify("trl", "noise").findings
    assert finding.code == "unknown"
    assert "backward pass or the optimizer's step" in finding.sentence


def test_of_two_the_wrong_one_is_named(certify: Certify):
    """Without the reference asked for, the plain loop is trained to decide."""
    certificate = certify("beta2", "trl", reference=False)
    assert [finding.backend for finding in certificate.findings] == ["beta2"]
    assert [side.name for side in certificate.sides] == ["beta2", "trl"]
