import json

import jsonschema
import pytest

from ftcore.recipe.fields import leaf_fields
from ftcore.recipe.json_schema import recipe_schema, schema_text
from ftcore.recipe.schema import Recipe
from ftcore.recipe.shipped import shipped_recipes

GOOD = {"name": "x", "model": {"id": "m"}, "data": {"train": "a"}}
VALIDATOR = jsonschema.Draft202012Validator(recipe_schema())


def test_it_is_a_schema_of_the_newest_draft():
    jsonschema.Draft202012Validator.check_schema(recipe_schema())
    assert json.loads(schema_text()) == recipe_schema()


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"profiles": {"p": {"train": {"epochs": 2}, "data": {"split": {"test": 0.1}}}}},
        {"data": {"train": ["a", {"path": "b", "weight": 2.0}]}},
        {"train": {"lora": {"targets": ["q_proj"]}}},
    ],
)
def test_valid_recipes_pass(extra):
    VALIDATOR.validate({**GOOD, **extra})


@pytest.mark.parametrize(
    "extra",
    [
        {"nam": "x"},
        {"model": {}},
        {"train": {"lora": {"rank": 0}}},
        {"train": {"validation": {"every_steps": "3"}}},
        {"profiles": {"p": {"train": {"epoch": 2}}}},
        {"profiles": {"p": {"data": {"train": [{"weight": 2.0}]}}}},
    ],
)
def test_invalid_recipes_do_not(extra):
    assert not VALIDATOR.is_valid({**GOOD, **extra})


def test_every_field_is_described():
    schema = recipe_schema()

    def field(path):
        node = schema
        for part in path.split("."):
            node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
            node = node["properties"][part]
        return node

    for path in leaf_fields(Recipe):
        assert field(path)["description"]


def test_shipped_recipes_pass():
    import tomllib

    for path in shipped_recipes().values():
        VALIDATOR.validate(tomllib.loads(path.read_text(encoding="utf-8")))
