"""No field of the schema is accepted in silence: it is refused as not yet, or somebody reads it."""

import re
from pathlib import Path

import pytest

import ftcore
from ftcore.recipe.fields import leaf_fields
from ftcore.recipe.not_yet import NOT_YET, not_yet_problems, value_at
from ftcore.recipe.schema import Recipe

START = {"name": "x", "model": {"id": "m"}, "data": {"train": "a"}}
LEAVES = leaf_fields(Recipe)
SOURCE = Path(ftcore.__file__).parent


def recipe(path=None, value=None):
    values = {**START, "model": dict(START["model"]), "data": dict(START["data"])}
    if path:
        table = values
        *parents, last = path.split(".")
        for part in parents:
            table = table.setdefault(part, {})
        table[last] = value
    return Recipe.model_validate(values)


def test_the_defaults_are_honoured():
    assert not_yet_problems(recipe()) == []


def test_the_table_names_fields_of_the_schema():
    assert set(NOT_YET) <= set(LEAVES)


REFUSED = {
    "export.formats": ["merged", "gguf"],
    "launch.strategy": "fsdp",
    "track.trackers": ["swanlab"],
}


def test_every_entry_is_tried():
    assert set(REFUSED) == set(NOT_YET)


@pytest.mark.parametrize(("path", "value"), REFUSED.items())
def test_refused(path, value):
    (problem,) = not_yet_problems(recipe(path, value))
    assert (problem.field, problem.code) == (path, "recipe.not-yet")
    assert problem.message.startswith("ft does not do this yet: ")
    assert problem.fix


def test_values_by_path():
    assert value_at(recipe(), "train.lora.rank") == 8


def test_every_other_field_is_read_somewhere():
    """Each field is read as an attribute of its table, outside the room that declares it."""
    files = [path for path in SOURCE.rglob("*.py") if path.parent.name != "recipe"]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    unread = {path for path in LEAVES.keys() - NOT_YET.keys() if not is_read(path, code)}
    # The schema itself refuses every other version of the format.
    unread.discard("ft")
    # The report reads the plan, where the evaluation table is plain data.
    assert '["evaluation"]["examples"]' in code
    unread.discard("evaluation.examples")
    assert unread == set()


def is_read(path, code):
    table, _, name = ("recipe." + path).rpartition(".")
    return re.search(rf"\b{table.rpartition('.')[2]}\.{name}\b", code)
