"""The shipped recipes on every engine: the same training problem to the last step.

The model is tiny, so that every step of a recipe's schedule can be taken; everything else is the
recipe's own.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ftcore.engine.prepare import prepare
from ftcore.engine.run import execute
from ftcore.plugins import load_plugins
from ftcore.recipe.loading import load_recipe

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
RECIPES = Path(__file__).parents[2] / "recipes"
ONLY_TRAINING = (
    "data.test=[]",
    "evaluation.few_shot=",
    "export.formats=[]",
    "launch.device=cpu",
    "launch.threads=1",
    # The tiny tokenizer needs more tokens for a row than the recipe's model does.
    "data.max_length=4096",
)


@pytest.fixture(scope="module")
def long_model(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The tiny model, with places for the recipes' rows."""
    folder = tmp_path_factory.mktemp("long") / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["max_position_embeddings"] = 4096
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def trained(make_cell, backend: str, recipe: str, model: Path, runs: Path, steps: int | None):
    cell = make_cell()
    overrides = [*ONLY_TRAINING, *([f"train.max_steps={steps}"] if steps else [])]
    loaded = load_recipe(RECIPES / f"{recipe}.toml", overrides=overrides, model=str(model))
    prepared = prepare(loaded, load_plugins(), backend=backend, notify=cell.notice)
    cell.outcome = execute(prepared, runs=runs, observer=cell)
    return cell


@pytest.mark.parametrize("steps", [4, None], ids=["4 steps", "whole"])
@pytest.mark.parametrize("recipe", ["nl2sql", "ner", "handbook_qa", "persona"])
def test_every_engine_solves_the_same_problem(
    make_cell, long_model: Path, tmp_path: Path, recipe: str, steps: int | None
):
    first, *others = (
        trained(make_cell, backend, recipe, long_model, tmp_path, steps) for backend in BACKENDS
    )
    settings = first.done.prepared.settings
    rates = first.values("learning_rate")
    assert first.train["steps"] == len(rates) == settings.steps
    assert settings.steps == steps or settings.steps > 100
    assert max(rates) == pytest.approx(settings.learning_rate)
    fields = first.engine["recipe_fields"]
    assert fields["trainable_parameters"] == settings.trainable_parameters
    # Parameter -> rate, weight decay, betas, epsilon.
    adapted = first.engine["optimizer"]
    assert len(adapted) == len(first.weights())
    for group in adapted.values():
        assert group == {
            "initial_lr": settings.learning_rate,
            "weight_decay": settings.weight_decay,
            "betas": [settings.beta1, settings.beta2],
            "eps": settings.epsilon,
        }
    for other in others:
        assert other.train["steps"] == first.train["steps"]
        assert other.values("learning_rate") == rates
        assert other.engine["optimizer"] == adapted
        assert other.engine["recipe_fields"] == fields
        assert other.values("loss") == first.values("loss")
