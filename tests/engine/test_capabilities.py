from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ftcore.backends import EXACT, BackendSpec, Capability
from ftcore.engine.capabilities import BACKEND_FIELDS, check_capabilities, field_value
from ftcore.errors import UnsupportedError
from ftcore.recipe.fields import leaf_fields
from ftcore.recipe.loading import LoadedRecipe, load_recipe
from ftcore.recipe.schema import Recipe


@pytest.fixture
def spec(toy) -> BackendSpec:
    return toy.plugins().backend("toy")


@pytest.fixture
def load(toy):
    def load(*overrides: str) -> LoadedRecipe:
        return load_recipe(toy.recipe, overrides=overrides)

    return load


def with_capabilities(spec: BackendSpec, **changes: Capability | None) -> BackendSpec:
    """Return the backend with capabilities changed ("__" for the dot); None takes one away."""
    found: dict[str, Any] = dict(spec.capabilities)
    for name, capability in changes.items():
        found.pop(name.replace("__", "."))
        if capability is not None:
            found[name.replace("__", ".")] = capability
    return replace(spec, capabilities=found)


def test_every_field_that_an_engine_must_honour_is_a_field_of_the_recipe(load):
    assert set(BACKEND_FIELDS) <= set(leaf_fields(Recipe))
    assert len(set(BACKEND_FIELDS)) == len(BACKEND_FIELDS)
    loaded = load()
    for path in BACKEND_FIELDS:
        field_value(loaded, path)


def test_no_field_of_training_is_the_cores_alone():
    """A new field of [train] must be declared by backends, or be listed here with its reason."""
    training = {name for name in leaf_fields(Recipe) if name.startswith("train.")}
    assert training - set(BACKEND_FIELDS) == set()


def test_a_recipe_that_fits(load, spec: BackendSpec):
    notes = check_capabilities(load(), spec, [], "cpu")
    assert (notes.approximate, notes.machine) == ([], [])


def test_every_refusal_at_once_with_its_line_and_who_can(load, spec: BackendSpec):
    able = replace(spec, name="able", capabilities=dict.fromkeys(BACKEND_FIELDS, EXACT))
    loaded = load("train.lora.dora=true", "train.lora.plus_ratio=16")
    poor = with_capabilities(spec, train__learning_rate=None)
    with pytest.raises(UnsupportedError) as caught:
        check_capabilities(loaded, poor, [able], "cpu")
    rate, dora, ratio = caught.value.problems
    assert (rate.field, rate.line) == ("train.learning_rate", 18)
    assert rate.message.endswith("toy does not declare it")
    assert (dora.field, dora.fix) == ("train.lora.dora", "backends that can: able")
    assert "a lookup table has no such thing" in dora.message
    assert ratio.field == "train.lora.plus_ratio"
    assert caught.value.exit_code == 2
    with pytest.raises(UnsupportedError) as caught:
        check_capabilities(loaded, spec, [], "cpu")
    assert caught.value.problems[0].fix == "no installed backend can"


@pytest.mark.parametrize(
    ("override", "field"),
    [
        ("train.seed=0", "train__seed"),
        ("train.weight_decay=0", "train__weight_decay"),
        ("train.max_grad_norm=0", "train__max_grad_norm"),
        ("train.warmup_steps=0", "train__warmup_steps"),
        ("train.lora.dropout=0", "train__lora__dropout"),
        ("train.shuffle=false", "train__shuffle"),
    ],
)
def test_nought_and_no_shuffling_ask_for_something(
    load, spec: BackendSpec, override: str, field: str
):
    poor = with_capabilities(spec, **{field: None})
    with pytest.raises(UnsupportedError, match="cannot run this recipe") as caught:
        check_capabilities(load(override), poor, [], "cpu")
    assert [problem.field for problem in caught.value.problems] == [field.replace("__", ".")]


@pytest.mark.parametrize("field", ["train__packing", "train__lora__dora", "model__quantization"])
def test_what_is_off_asks_for_nothing(load, spec: BackendSpec, field: str):
    check_capabilities(load(), with_capabilities(spec, **{field: None}), [], "cpu")


def test_an_approximation_needs_consent(load, spec: BackendSpec):
    with pytest.raises(UnsupportedError) as caught:
        check_capabilities(load("train.loss=engine"), spec, [], "cpu")
    (problem,) = caught.value.problems
    assert problem.code == "unsupported.needs-consent"
    assert problem.fix == 'add "train.loss" to accept_approximate'
    agreed = load("train.loss=engine", 'accept_approximate=["train.loss"]')
    notes = check_capabilities(agreed, spec, [], "cpu")
    assert notes.approximate == ["train.loss: the share of rows not yet known by heart"]


def test_what_the_machine_lacks_is_noted_not_raised(load, spec: BackendSpec):
    loaded = load("train.precision=fp16")
    (problem,) = check_capabilities(loaded, spec, [], "cpu").machine
    assert problem.message == "train.precision = 'fp16' needs cuda; this run is on cpu"
    assert check_capabilities(loaded, spec, [], "cuda").machine == []


def test_each_export_format_counts(load, spec: BackendSpec):
    with pytest.raises(UnsupportedError) as caught:
        check_capabilities(load('export.formats=["adapter","merged"]'), spec, [], "cpu")
    assert "export.formats = 'merged'" in caught.value.problems[0].message


def test_a_value_wins_over_its_field(spec: BackendSpec):
    assert spec.capability("train.method", "lora").state == "exact"
    assert spec.capability("train.method", "full").state == "unsupported"
    boolean = with_capabilities(spec, train__packing=EXACT)
    boolean.capabilities["train.packing=true"] = Capability("not_yet", "later")  # type: ignore[index]
    assert boolean.capability("train.packing", True).state == "not_yet"
    assert boolean.capability("train.packing", False).state == "exact"
