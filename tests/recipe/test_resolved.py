import tomllib

from ftcore.recipe.fields import leaf_fields
from ftcore.recipe.loading import load_recipe
from ftcore.recipe.resolved import dump_resolved
from ftcore.recipe.schema import Recipe

TEXT = """\
name = "demo"
description = "multi\\nline \\"quoted\\" \\u0001"
model.id = "m"
[data]
train = ["a", { path = "b", weight = 1.0 }]
test = [{ path = "b" }]
columns = { "odd key.with" = "x" }
[train]
learning_rate = 1e-5
[profiles.p.train]
epochs = 3
"""


def test_the_resolved_form_reads_back_to_an_equal_recipe(tmp_path):
    path = tmp_path / "demo.toml"
    path.write_text(TEXT)
    loaded = load_recipe(path, profile="p", overrides=["data.system=a\nb"], seed=3)
    text = dump_resolved(loaded)
    again = tmp_path / "resolved.toml"
    again.write_text(text)
    reloaded = load_recipe(again)
    assert reloaded.recipe == loaded.recipe
    assert dump_resolved(reloaded).splitlines()[6:] == text.splitlines()[8:]


def test_the_header_says_where_it_came_from(tmp_path):
    path = tmp_path / "demo.toml"
    path.write_text(TEXT)
    text = dump_resolved(load_recipe(path, profile="p", overrides=["train.epochs=2"]))
    header = [line for line in text.splitlines() if line.startswith("# ")][:4]
    assert str(path) in header[0]
    assert str(tmp_path.resolve()) in header[1]
    assert header[2:] == ['# Profile: "p"', '# Set on the command line: "train.epochs=2"']


def test_every_field_is_there_in_the_order_of_the_schema(tmp_path):
    path = tmp_path / "demo.toml"
    path.write_text('name = "demo"\nmodel.id = "m"\ndata.train = "a"\n')
    text = dump_resolved(load_recipe(path))
    values = tomllib.loads(text)
    for field in leaf_fields(Recipe):
        table, _, name = field.rpartition(".")
        section = values
        for part in table.split(".") if table else ():
            section = section[part]
        assert name in section or f"# {name} is unset" in text
    tables = [line for line in text.splitlines() if line.startswith("[")]
    assert tables.index("[model]") < tables.index("[data]") < tables.index("[train]")
