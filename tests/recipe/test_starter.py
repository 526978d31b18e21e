import pytest

from ftcore.errors import RecipeError
from ftcore.evaluation.metric import get_metric
from ftcore.recipe.loading import load_recipe
from ftcore.recipe.starter import starter_from_rows


@pytest.mark.parametrize("name", ["rows.jsonl", 'odd "name" \\ 中文\x7f.jsonl'])
def test_it_points_to_the_rows_and_is_valid(tmp_path, name):
    rows = tmp_path / "in" / name
    rows.parent.mkdir()
    rows.write_text("{}\n")
    target = tmp_path / "recipes" / "my rows.toml"
    assert starter_from_rows(rows, target) == [target]
    loaded = load_recipe(target)
    assert loaded.recipe.name == "my-rows"
    assert loaded.resolve(loaded.recipe.data.train) == rows
    assert not loaded.recipe.data.train.startswith("/")
    assert (loaded.recipe.data.split.validation, loaded.recipe.data.split.test) == (0.1, 0.1)
    assert loaded.recipe.data.format == "auto"
    for metric in loaded.recipe.evaluation.metrics:
        assert get_metric(metric)


def test_a_folder_of_rows_will_do(tmp_path):
    (tmp_path / "rows").mkdir()
    (target,) = starter_from_rows(tmp_path / "rows", tmp_path / "x.toml")
    assert load_recipe(target).recipe.data.train == "rows"


@pytest.mark.parametrize(("name", "expected"), [("-x", "x"), ("中文", "recipe"), ("a.b", "a.b")])
def test_names_are_made_valid(tmp_path, name, expected):
    (tmp_path / "rows.jsonl").touch()
    (target,) = starter_from_rows(tmp_path / "rows.jsonl", tmp_path / f"{name}.toml")
    assert load_recipe(target).recipe.name == expected


def test_what_is_refused(tmp_path):
    rows = tmp_path / "rows.jsonl"
    with pytest.raises(RecipeError, match="there is no file"):
        starter_from_rows(rows, tmp_path / "x.toml")
    rows.touch()
    with pytest.raises(RecipeError, match="not the name of a recipe"):
        starter_from_rows(rows, tmp_path / "x")
    (tmp_path / "x.toml").write_text("mine")
    with pytest.raises(RecipeError, match="is there already"):
        starter_from_rows(rows, tmp_path / "x.toml")
    assert (tmp_path / "x.toml").read_text() == "mine"
