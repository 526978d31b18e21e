"""The certificate over all engines and the plain loop, on the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import ftcore
from ftcore.results import ParityResult

pytestmark = pytest.mark.heavy

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
BACKENDS = ("trl", "swift", "llamafactory")
RECIPE = """
name = "certified"
[model]
id = "{model}"
[data]
train = "train.jsonl"
format = "prompt_completion"
[train]
learning_rate = 1e-2
warmup_ratio = 0.2
scheduler = "cosine"
weight_decay = 0.1
[train.lora]
dropout = 0.1
[evaluation]
metrics = ["exact_match"]
[launch]
device = "cpu"
threads = 1
"""
# What the same bits come out of, on every engine and in the plain loop.
SAME = {
    "lora": (),
    "dora": ("train.lora.dora=true", "train.gradient_checkpointing=true"),
    "full": ('train.method="full"', "train.max_grad_norm=0.1"),
    "freeze": ('train.method="freeze"', "train.freeze.last_layers=1"),
    "bf16": ("train.precision=bf16",),
    "accumulation": ("train.accumulation=4", "train.lora.rslora=true"),
}


@pytest.fixture(scope="module")
def certify(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> Callable[..., ParityResult]:
    """A function that certifies the recipe over all engines."""
    folder = tmp_path_factory.mktemp("certified")
    (folder / "recipe.toml").write_text(RECIPE.format(model=tiny_model), encoding="utf-8")
    lines = [
        json.dumps({"prompt": f"Say {word}", "completion": f"{word} " * (1 + n % 4)}) + "\n"
        for n, word in enumerate(WORDS)
    ]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")

    def run(*overrides: str, **options: object) -> ParityResult:
        given = {"backends": BACKENDS, "reference": True, "steps": 6, "progress": False}
        given |= {"overrides": overrides, "runs": folder / "runs"}
        return ftcore.parity(folder / "recipe.toml", **{**given, **options})

    return run


@pytest.mark.parametrize("method", SAME)
def test_engines_and_the_plain_loop_train_to_the_same_bits(certify, method: str):
    certificate = certify(*SAME[method]).certificate
    assert certificate.identical, certificate.sentence
    assert len({side.adapter for side in certificate.sides}) == 1
    assert len(certificate.sides) == 4


def test_several_processes(certify):
    ddp = ("launch.processes=2", 'launch.strategy="ddp"')
    certificate = certify(*ddp, reference=False).certificate
    assert certificate.levels[3].numbers["loss"] <= 1e-4, certificate.sentence


def test_engines_own_losses_are_near(certify):
    certificate = certify('train.loss="engine"').certificate
    assert certificate.holds, certificate.sentence
    assert not certificate.identical
    assert certificate.envelope.loss == 1e-4
    assert {finding.code for finding in certificate.findings} <= {"own-loss", "kernels"}
    assert any("fused language-model head" in note for note in certificate.notes)


def test_the_recipe_as_it_is_stays_within_two_seeds(certify):
    certificate = certify(mode="normal", reference=False).certificate
    assert certificate.holds, certificate.sentence
    assert certificate.used["settings"]["lora"]["dropout"] == 0.1
    assert "two seeds of trl" in certificate.envelope.why


def test_a_certificate_is_confirmed_by_doing_it_again(certify, tmp_path):
    path = certify(reference=False, backends=("trl", "plain"), out=tmp_path / "c.json").path
    again = ftcore.verify_parity(path, runs=tmp_path / "runs", progress=False)
    assert again.confirmed, again.problems
    assert again.same_bits
