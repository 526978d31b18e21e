"""What LLaMA-Factory is not asked to do: refused before any compute, with those that can."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftcore.engine.capabilities import check_capabilities
from ftcore.errors import UnsupportedError
from ftcore.plugins import load_plugins
from ftcore.recipe.loading import load_recipe

NER = Path(__file__).parents[3] / "recipes" / "ner.toml"


def test_it_has_no_loss_of_its_own():
    backends = load_plugins().backends()
    spec = backends.pop("llamafactory")
    loaded = load_recipe(NER, overrides=['train.loss="engine"'])
    with pytest.raises(UnsupportedError) as caught:
        check_capabilities(loaded, spec, backends.values(), "cpu")
    (problem,) = caught.value.problems
    assert problem.field == "train.loss"
    assert problem.fix == "backends that can: swift, trl"
