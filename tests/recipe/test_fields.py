from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from ftcore.recipe.fields import accepts, leaf_fields, table_paths, type_at, type_text
from ftcore.recipe.schema import Recipe


def test_every_field_has_a_type_and_a_description():
    leaves = leaf_fields(Recipe)
    assert list(leaves)[:3] == ["ft", "name", "task"]
    for leaf in leaves.values():
        assert leaf.description
        assert leaf.type != "a value"
        assert "matches" not in leaf.type


def test_what_a_leaf_says():
    leaves = leaf_fields(Recipe)
    rank = leaves["train.lora.rank"]
    assert (rank.type, rank.default, rank.required) == ("a whole number above 0", 8, False)
    assert leaves["model.id"].required
    assert leaves["train.lora.plus_ratio"].default is None
    assert leaves["evaluation.metrics"].default == ["exact_match"]
    assert "train.lora" not in leaves
    assert "train.lora" in table_paths(Recipe)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "a whole number"),
        (str | None, "text"),
        (Literal["a", "b", "c"], '"a", "b" or "c"'),
        (Literal["x"] | list[str], '"x" or a list of text'),
        (Annotated[float, Field(ge=0, lt=1)], "a number of 0 or more and below 1"),
        (Annotated[int, Field(le=3)], "a whole number up to 3"),
        (Annotated[list[int], Field(min_length=1)], "a non-empty list of a whole number"),
        (dict[str, int], "a table"),
        (bool, "true or false"),
        (Any, "a value"),
    ],
)
def test_types_in_words(annotation, words):
    assert type_text(annotation) == words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("data", "train", 0, "weight"), "a number above 0"),
        (("data", "columns", "x"), "text"),
        (("data", "clean", 0, "options", "a"), "a value"),
        (("backend", "trl", "x", "y"), "a value"),
        (("train",), "a table"),
    ],
)
def test_types_by_path(path, words):
    assert type_text(type_at(Recipe, path)) == words


@pytest.mark.parametrize(
    "path", [("x",), ("train", 0), ("train", "epochs", "x"), ("data", "train", 0, "x")]
)
def test_paths_that_are_not_there(path):
    assert type_at(Recipe, path) is None


def test_which_values_can_be_valid():
    assert accepts(float, int)
    assert not accepts(int, float)
    assert not accepts(float, bool)
    assert accepts(Literal["a"] | list[str], str)
    assert accepts(Literal["a"] | list[str], list)
    assert accepts(Recipe, dict)
    assert accepts(Any, bool)
