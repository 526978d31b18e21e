"""`[backend.NAME]`: known to the engine, of the right kind, and not what the recipe decides."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

import ftcore
from ftcore.backends import BackendSpec, EngineOptions
from ftcore.engine.engine_options import engine_options, other_tables, read_listing
from ftcore.errors import PluginError, UnsupportedError
from ftcore.plugins import load_plugins
from ftcore.recipe.fields import leaf_fields
from ftcore.recipe.loading import load_recipe
from ftcore.recipe.schema import Recipe

NER = Path(__file__).parents[2] / "recipes" / "ner.toml"
SPECS = {name: spec for name, spec in load_plugins().backends().items() if spec.options}
HF_TRAINER = Path(ftcore.__file__).parent / "worker" / "hf_trainer.py"


def problem_of(spec: BackendSpec, *overrides: str):
    with pytest.raises(UnsupportedError) as caught:
        engine_options(load_recipe(NER, overrides=overrides), spec)
    (problem,) = caught.value.problems
    assert problem.code == caught.value.code == "unsupported.engine-option"
    assert problem.fix
    return problem


@pytest.mark.parametrize("name", SPECS)
def test_an_option_of_the_engine_is_taken(name: str):
    loaded = load_recipe(NER, overrides=[f"backend.{name}.torch_empty_cache_steps=4"])
    assert engine_options(loaded, SPECS[name]) == {"torch_empty_cache_steps": 4}


@pytest.mark.parametrize("name", SPECS)
def test_an_unknown_option_names_the_nearest(name: str):
    problem = problem_of(SPECS[name], f"backend.{name}.torch_empty_cache_step=4")
    assert problem.field == f"backend.{name}.torch_empty_cache_step"
    assert problem.fix == "did you mean `torch_empty_cache_steps`?"


@pytest.mark.parametrize("name", SPECS)
def test_an_option_that_a_field_decides_names_the_field(name: str):
    problem = problem_of(SPECS[name], f"backend.{name}.adam_beta2=0.9")
    assert problem.message == "the engine's adam_beta2 is decided by train.beta2 of the recipe"
    assert problem.fix == "set train.beta2"
    near = problem_of(SPECS[name], f"backend.{name}.adam_bta2=0.9")
    assert near.fix == "nearest is `adam_beta2`, which is decided by train.beta2 of the recipe"
    other = problem_of(SPECS[name], f"backend.{name}.push_to_hub=true")
    assert other.message == "the engine's push_to_hub is not for a recipe: ft uploads nothing"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('"often"', "is a whole number, not"),
        ("true", "is a whole number, not"),
        ("1.5", "is a whole number, not"),
        ("[1]", "is a whole number, not"),
    ],
)
def test_a_value_of_the_wrong_kind(value: str, found: str):
    assert found in problem_of(SPECS["trl"], f"backend.trl.torch_empty_cache_steps={value}").message


def test_a_value_that_is_none_of_the_choices():
    overrides = ['backend.llamafactory.badam_mode="block"']
    problem = problem_of(SPECS["llamafactory"], *overrides)
    assert problem.fix == 'one of "layer", "ratio"'


def test_all_problems_come_at_once_with_their_lines(tmp_path: Path):
    text = NER.read_text("utf-8") + "\n[backend.trl]\nno_such = 1\nlearning_rate = 1\n"
    (tmp_path / "r.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UnsupportedError) as caught:
        engine_options(load_recipe(tmp_path / "r.toml"), SPECS["trl"])
    last = text.count("\n")
    assert [problem.line for problem in caught.value.problems] == [last - 1, last]


def test_a_backend_without_options_takes_none():
    spec = replace(SPECS["trl"], options=None)
    assert "takes no options" in problem_of(spec, "backend.trl.tf32=true").message


def test_tables_of_other_backends_are_shown_and_not_used():
    overrides = ["backend.swift.no_such=1", "backend.elsewhere.x=1", "backend.trl.tf32=false"]
    loaded = load_recipe(NER, overrides=overrides)
    others = [spec for name, spec in SPECS.items() if name != "trl"]
    assert engine_options(loaded, SPECS["trl"]) == {"tf32": False}
    assert other_tables(loaded, SPECS["trl"], others) == [
        "[backend.swift] is for the backend swift: not used here",
        "[backend.elsewhere] is for the backend elsewhere, which is not installed: not used here",
    ]


def test_a_misspelt_backend_is_refused():
    loaded = load_recipe(NER, overrides=["backend.swfit.x=1"])
    with pytest.raises(UnsupportedError, match="does not exist") as caught:
        other_tables(loaded, SPECS["trl"], SPECS.values())
    assert caught.value.problems[0].fix == "did you mean [backend.swift]?"


def test_a_damaged_listing_is_the_plugins_fault(tmp_path: Path):
    (tmp_path / "arguments.json").write_text("{", encoding="utf-8")
    spec = replace(SPECS["trl"], options=EngineOptions(tmp_path / "arguments.json", {}))
    with pytest.raises(PluginError, match="cannot be read"):
        read_listing(spec)


@pytest.mark.parametrize("name", SPECS)
def test_what_decides_an_argument_is_a_field_or_a_sentence(name: str):
    fields = leaf_fields(Recipe)
    for by in set(SPECS[name].options.decided.values()):
        assert by in fields or " " in by, by


@pytest.mark.parametrize("name", SPECS)
def test_everything_that_the_worker_sets_is_declared(name: str):
    """Read from the worker's source: what `common_arguments` returns, and what is put on top."""
    spec = SPECS[name]
    own = ast.parse((spec.package / "worker.py").read_text("utf-8"))
    shared = ast.parse(HF_TRAINER.read_text("utf-8"))
    (common,) = (n for n in ast.walk(shared) if getattr(n, "name", "") == "common_arguments")
    assert named(common) | named(own) >= {"learning_rate"}
    known = set(json.loads(spec.options.listing.read_text("utf-8")))
    assert (named(common) | named(own)) & known - set(spec.options.decided) == set()


def named(tree: ast.AST) -> set[str]:
    """Return the keys of dictionaries and the keywords of calls."""
    keys = (key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys)
    words = (
        word for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords
    )
    return {key.value for key in keys if isinstance(key, ast.Constant)} | {
        word.arg for word in words if word.arg
    }
