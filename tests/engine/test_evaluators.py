"""Who answers is chosen before anything is computed, and the plan says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ftcore.display.plan_facts import plan_facts
from ftcore.engine.evaluators import evaluator_hook, with_evaluator
from ftcore.errors import UnsupportedError


def test_the_shared_generator_is_the_default(toy):
    spec = toy.plugins().backend("toy")
    assert evaluator_hook(spec, None, ()) == evaluator_hook(spec, "shared", ()) == spec.evaluator


def test_a_declared_native_evaluator_is_used(toy):
    spec = replace(toy.plugins().backend("toy"), native_evaluator="ft_toy.worker:ToyEvaluator")
    assert evaluator_hook(spec, "native", ()) == "ft_toy.worker:ToyEvaluator"


def test_where_there_is_none_those_that_have_one_are_named(toy):
    specs = toy.plugins().backends()
    with pytest.raises(UnsupportedError, match="toy declares no native evaluator") as caught:
        evaluator_hook(specs["toy"], "native", specs.values())
    assert caught.value.code == "unsupported.evaluator"
    assert caught.value.details["backends"] == ["llamafactory", "swift", "trl"]
    with pytest.raises(UnsupportedError) as caught:
        evaluator_hook(specs["toy"], "native", [specs["toy"]])
    assert "shared generator" in str(caught.value.hint)


def test_the_plan_says_whose_answers_they_are(toy):
    prepared = toy.prepare()
    assert with_evaluator(prepared, None) is prepared
    native = with_evaluator(prepared, "native")
    assert "of toy's own inference" in plan_facts(native.plan).to_text()
    assert "own inference" not in plan_facts(prepared.plan).to_text()
