import pytest

from ftcore.recipe.fields import leaf_fields, table_paths
from ftcore.recipe.schema import Recipe
from ftcore.recipe.suggestions import OTHER_NAMES, meant, nearest


@pytest.mark.parametrize(
    ("table", "key", "guess"),
    [
        (("train",), "learning_rat", "learning_rate"),
        ((), "learning_rate", "train.learning_rate"),
        ((), "trian", "train"),
        (("model",), "rank", "train.lora.rank"),
        (("train",), "lora_rank", "train.lora.rank"),
        (("train",), "lora-alpha", "train.lora.alpha"),
        (("train",), "per_device_train_batch_size", "train.batch_size"),
        (("train",), "every_steps", "train.validation.every_steps"),
        (("data", "train", 0), "wieght", "weight"),
    ],
)
def test_guesses(table, key, guess):
    assert meant(table, key) == f"did you mean `{guess}`?"


def test_without_a_guess_the_keys_are_listed():
    assert meant(("track",), "zzzz") == "[track] has the keys trackers"


def test_names_of_other_tools_lead_to_fields_of_ours():
    assert set(OTHER_NAMES.values()) <= {*leaf_fields(Recipe), *table_paths(Recipe)}


def test_the_nearest_name():
    assert nearest("ner", ["nre", "x"]) == "nre"
    assert nearest("ner", ["x"]) is None
