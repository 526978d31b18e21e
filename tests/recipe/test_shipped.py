import re
import shutil
import tomllib

import pytest

from ftcore.errors import RecipeError
from ftcore.recipe import shipped
from ftcore.recipe.loading import load_recipe
from ftcore.recipe.shipped import copy_recipe, data_files, shipped_folder, shipped_recipes


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """A source tree or wheel with one recipe of its own."""
    package = tmp_path / "wheel" / "ftcore"
    data = package / "_recipes" / "data" / "demo" / "zh"
    data.mkdir(parents=True)
    (data / "rows.jsonl").write_text("{}\n")
    (data.parent / "train.jsonl").write_text("{}\n")
    (package / "_recipes" / "data" / "other").mkdir()
    (package / "_recipes" / "data" / "other" / "x").touch()
    (package / "_recipes" / "demo.toml").write_text(
        'name = "demo"\nmodel.id = "m"\ndata.train = "data/demo/train.jsonl"\n'
    )
    monkeypatch.setattr(shipped, "PACKAGE", package)
    return package / "_recipes"


def test_package_data_comes_first(recipes):
    assert shipped_folder() == recipes
    assert shipped_recipes() == {"demo": recipes / "demo.toml"}


def test_the_source_tree_is_used_without_package_data(tmp_path, monkeypatch):
    package = tmp_path / "ftcore" / "src" / "ftcore"
    (tmp_path / "recipes").mkdir()
    monkeypatch.setattr(shipped, "PACKAGE", package)
    assert shipped_recipes() == {}
    package.mkdir(parents=True)
    (tmp_path / "ftcore" / "pyproject.toml").touch()
    assert shipped_folder() == tmp_path / "recipes"


def test_a_recipe_is_copied_with_its_data(recipes, tmp_path):
    target = tmp_path / "new" / "mine"
    written = copy_recipe("demo", target)
    assert sorted(path.relative_to(target).as_posix() for path in written) == [
        "data/demo/train.jsonl",
        "data/demo/zh/rows.jsonl",
        "demo.toml",
    ]
    loaded = load_recipe(target / "demo.toml")
    assert loaded.resolve(loaded.recipe.data.train).read_text() == "{}\n"


def test_nothing_is_overwritten(recipes, tmp_path):
    (tmp_path / "demo.toml").write_text("mine")
    with pytest.raises(RecipeError, match="is there already") as caught:
        copy_recipe("demo", tmp_path)
    assert caught.value.code == "recipe.exists"
    assert (tmp_path / "demo.toml").read_text() == "mine"
    assert not (tmp_path / "data").exists()


def test_an_unknown_recipe_names_the_nearest(recipes, tmp_path):
    with pytest.raises(RecipeError) as caught:
        copy_recipe("dmeo", tmp_path)
    assert caught.value.hint == "did you mean demo?"


def shipped_profiles():
    for path in shipped_recipes().values():
        written = tomllib.loads(path.read_text(encoding="utf-8"))
        for profile in (None, *written.get("profiles", {})):
            yield pytest.param(path, profile, id=f"{path.stem}-{profile}")


@pytest.mark.parametrize(("path", "profile"), list(shipped_profiles()))
def test_shipped_recipes_are_valid_and_hold_their_data_beside_them(path, profile, tmp_path):
    loaded = load_recipe(path, profile=profile)
    assert loaded.recipe.name == path.stem
    for name in re.findall(r'"(data/[^"]+)"', loaded.text):
        assert any(file.match(f"{name}*") or name in file.as_posix() for file in data_files(path))
    copy_recipe(path.stem, tmp_path / "copy")
    assert load_recipe(tmp_path / "copy" / path.name, profile=profile).recipe == loaded.recipe
    shutil.rmtree(tmp_path / "copy")
