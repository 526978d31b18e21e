from __future__ import annotations

import json
import tomllib

import pytest

from ftcore.recipe.shipped import shipped_recipes


@pytest.mark.parametrize("name", ["ner", "nl2sql", "handbook_qa", "persona"])
def test_new_copies_a_recipe_that_is_valid(ft, clean, name):
    said = ft("recipe", "new", name)
    assert said.code == 0
    assert f"ft run {name}.toml" in said.out
    assert (clean / "data" / name).is_dir()
    assert ft("recipe", "validate", f"{name}.toml").out.startswith(f"{name}.toml is valid\n")


def test_help_names_the_shipped_recipes(ft):
    text = ft("recipe", "new", "--help").out
    assert all(name in text for name in shipped_recipes())


def test_new_from_rows(ft, clean):
    rows = [{"prompt": f"Say {i}.", "completion": str(i)} for i in range(30)]
    (clean / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    said = ft("recipe", "new", "numbers", "sub", "--from", "mine.jsonl", "--json")
    assert said.data == {"recipe": "sub/numbers.toml", "files": ["sub/numbers.toml"]}
    assert ft("recipe", "validate", "sub/numbers.toml").code == 0


def test_show_gives_a_whole_recipe(ft, toy):
    said = ft("recipe", "show", toy.recipe, "--set", "train.epochs=3", "--seed", 9)
    shown = tomllib.loads(said.out)
    assert (shown["train"]["epochs"], shown["train"]["seed"]) == (3, 9)
    assert shown["train"]["beta2"] == 0.999
    data = ft("recipe", "show", toy.recipe, "--json").data
    assert data["train"]["epochs"] == 2


def test_validate_remarks_what_this_machine_lacks(ft, toy):
    said = ft("recipe", "validate", toy.recipe, "--set", "train.precision=fp16")
    assert said.code == 0
    assert "would be refused here: " in said.out
    data = ft("recipe", "validate", toy.recipe, "--json").data
    assert data == {"recipe": str(toy.recipe), "valid": True, "notes": []}


def test_schema(ft):
    assert ft("recipe", "schema").out == ft("recipe", "schema", "--json").out
    assert ft("recipe", "schema").data["title"] == "ft recipe"
