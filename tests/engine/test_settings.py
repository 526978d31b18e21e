from __future__ import annotations

import math
from pathlib import Path

import pytest

from ftcore.engine.settings import (
    frozen_dtype,
    lora_settings,
    trainable_parameters,
    trained_names,
)
from ftcore.errors import RecipeError
from ftcore.models.inspect import inspect_model
from ftcore.recipe.loading import load_recipe


@pytest.mark.parametrize(
    ("ratio", "steps", "wanted"),
    [(0.0, 5, 0), (0.05, 100, 5), (0.07, 100, 7), (0.1, 5, 1), (0.21, 5, 2), (0.99, 5, 5)],
)
def test_warm_up_is_rounded_up_and_not_by_floating_point(toy, ratio, steps, wanted):
    settings = toy.prepare(f"train.warmup_ratio={ratio}", f"train.max_steps={steps}").settings
    assert (settings.steps, settings.warmup_steps) == (steps, wanted)
    assert math.ceil(0.07 * 100) == 8  # what would come out otherwise


def test_steps_of_warm_up_win_over_the_ratio(toy):
    settings = toy.prepare("train.warmup_ratio=0.5", "train.warmup_steps=1").settings
    assert settings.warmup_steps == 1


def test_steps_and_epochs_come_from_the_order(toy):
    prepared = toy.prepare("train.max_steps=7")
    assert prepared.settings.steps == prepared.order.steps == 7
    assert prepared.settings.epochs == pytest.approx(7 * 4 / 10)


def test_nothing_is_left_open(toy):
    settings = toy.prepare().settings
    unset = {name for name in settings.__slots__ if getattr(settings, name) is None}
    off = {"neftune_alpha", "min_lr_ratio", "virtual_tokens"}
    assert unset == {"eval_every", "patience", "save_every", *off}


@pytest.mark.parametrize(
    ("overrides", "dtype"),
    [
        ([], "float32"),
        (["train.precision=bf16"], "bfloat16"),
        (["train.precision=bf16", "model.dtype=float32"], "float32"),
    ],
)
def test_the_type_of_the_frozen_weights(toy, overrides: list[str], dtype: str):
    prepared = toy.prepare(*overrides)
    assert frozen_dtype(prepared.loaded.recipe) == dtype
    assert prepared.plan.model["dtype"] == dtype


def test_all_linear_layers_by_name_and_their_parameters(toy):
    prepared = toy.prepare()
    recipe, facts = prepared.loaded.recipe, prepared.facts
    names = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert lora_settings(recipe, facts).targets == names
    # Two layers of rank 2: (8+8) x 2, (4+8) x 2, (16+8) x 3 inputs and outputs.
    by_hand = 2 * 2 * (2 * 16 + 2 * 12 + 3 * 24)
    assert trainable_parameters(recipe, facts) == prepared.settings.trainable_parameters == by_hand


def test_parameters_of_dora_include_its_magnitudes(toy):
    prepared = toy.prepare('train.lora.targets=["k_proj"]')
    recipe = prepared.loaded.recipe
    lora = recipe.train.lora.model_copy(update={"dora": True})
    train = recipe.train.model_copy(update={"lora": lora})
    dora = recipe.model_copy(update={"train": train})
    plain = trainable_parameters(recipe, prepared.facts)
    assert trainable_parameters(dora, prepared.facts) == plain + 2 * 4


def in_place(recipe, method: str, layers: int = 2):
    freeze = recipe.train.freeze.model_copy(update={"last_layers": layers})
    changes = {"method": method, "freeze": freeze, "precision": "bf16"}
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=changes)})


def test_what_is_trained_without_an_adapter(toy):
    prepared = toy.prepare()
    recipe, facts = prepared.loaded.recipe, prepared.facts
    assert trained_names(recipe, facts) == []
    full, last = in_place(recipe, "full"), in_place(recipe, "freeze", 1)
    assert trained_names(full, facts) == [""]
    assert trainable_parameters(full, facts) == facts.parameters
    assert trained_names(last, facts) == ["model.layers.1."]
    assert trained_names(in_place(recipe, "freeze", 2), facts) == [
        "model.layers.0.",
        "model.layers.1.",
    ]
    # Two norms, four attention weights with two keys' and values' rows of four, three of the MLP.
    assert trainable_parameters(last, facts) == 2 * 8 + 2 * 64 + 2 * 32 + 3 * 128
    assert frozen_dtype(full) == frozen_dtype(last) == "float32"


def test_more_layers_than_there_are(toy):
    prepared = toy.prepare()
    with pytest.raises(RecipeError, match="the model has 2 layers, fewer than") as caught:
        trained_names(in_place(prepared.loaded.recipe, "freeze", 3), prepared.facts)
    assert caught.value.code == "recipe.too-many-layers"


@pytest.mark.parametrize(
    ("method", "trained"),
    [
        # Two layers: keys and values of 4, an inner activation of 16.
        ("ia3", 2 * (4 + 4 + 16)),
        ("prompt_tuning", 5 * 8),
        # Keys and values of 4, two layers.
        ("prefix_tuning", 5 * 2 * 2 * 4),
    ],
)
def test_other_adapters(toy, method, trained):
    overrides = [f"train.method={method}", "train.lora.rank=", "train.lora.alpha="]
    if method != "ia3":
        overrides.append("train.prompt.virtual_tokens=5")
    loaded = load_recipe(toy.recipe, overrides=overrides)
    facts = inspect_model(Path(loaded.recipe.model.id))
    assert trainable_parameters(loaded.recipe, facts) == trained
