from pathlib import Path

import pytest

from ftcore.errors import Problem, RecipeError
from ftcore.recipe.loading import load_recipe

BASE = """\
name = "demo"

[model]
id = "smollm2-135m-instruct"
revision = "abc"

[data]
train = "rows.jsonl"

[train]
epochs = 2
lora = { rank = 4, alpha = 8 }

[profiles.course]
data.train = ["a.jsonl", { path = "b.jsonl" }]

[profiles.course.train]
learning_rate = 2e-4
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="demo.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path, **options) -> list[Problem]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, **options)
    assert caught.value.exit_code == 2
    for problem in caught.value.problems:
        assert "pydantic" not in str(problem)
    return list(caught.value.problems)


def only(path, **options) -> Problem:
    (problem,) = problems(path, **options)
    return problem


def test_a_recipe_is_read_with_its_origin(write):
    path = write(BASE)
    loaded = load_recipe(path)
    assert loaded.recipe.train.lora.rank == 4
    assert loaded.recipe.train.epochs == 2.0
    assert (loaded.path, loaded.text, loaded.profile) == (path, BASE, None)
    assert loaded.resolve("data/x.jsonl") == path.parent.resolve() / "data/x.jsonl"
    assert loaded.resolve("/abs/../x") == Path("/x")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "demo.toml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.encode())
    assert load_recipe(path).recipe.name == "demo"


def test_a_profile_is_merged_key_by_key(write):
    loaded = load_recipe(write(BASE), profile="course")
    assert loaded.recipe.train.learning_rate == 2e-4
    assert loaded.recipe.train.epochs == 2.0
    assert loaded.recipe.data.train[0] == "a.jsonl"
    assert loaded.recipe.data.train[1].path == "b.jsonl"


def test_an_unknown_profile_names_those_that_exist(write):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(BASE), profile="curse")
    assert caught.value.code == "recipe.unknown-profile"
    assert "course" in caught.value.hint


@pytest.mark.parametrize("text", ["profiles = 3\n", "profiles.course = 3\n"])
def test_a_profile_that_is_no_table(write, text):
    problem = only(write(text + BASE.split("[profiles")[0]))
    assert problem.line == 1
    assert problem.message == "expected a table, found 3"


def test_overrides_take_toml_or_bare_text(write):
    loaded = load_recipe(
        write(BASE),
        overrides=[
            "train.epochs=3",
            'train.lora.targets=["q_proj"]',
            "launch.device=cpu",
            "model.revision=1.0",
            'data.columns."a.b"=text',
            "train.shuffle=false",
            "data.system=a = b\nc",
        ],
    )
    recipe = loaded.recipe
    assert recipe.train.epochs == 3
    assert recipe.train.lora.targets == ["q_proj"]
    assert recipe.launch.device == "cpu"
    assert recipe.model.revision == "1.0"
    assert recipe.data.columns == {"a.b": "text"}
    assert recipe.train.shuffle is False
    assert recipe.data.system == "a = b\nc"


def test_an_empty_override_restores_the_default(write):
    loaded = load_recipe(write(BASE), overrides=["train.epochs=", "train.lora.rank = "])
    assert loaded.recipe.train.epochs == 1.0
    assert loaded.recipe.train.lora.rank == 8


def test_taking_a_required_key_away(write):
    problem = only(write(BASE), overrides=["model.id="])
    assert (problem.file, problem.field) == ("--set model.id=", "model.id")


@pytest.mark.parametrize(
    ("override", "message", "fix"),
    [
        ("train.epoch=2", "unknown key", "did you mean `epochs`?"),
        ("train.epoch=", "unknown key", "did you mean `epochs`?"),
        ("learning_rate=2", "unknown key", "did you mean `train.learning_rate`?"),
        ("profiles.course.name=x", "unknown key", None),
        ("train.epochs.x=2", "`train.epochs` is a number above 0 and has no keys of its own", None),
        ("train.epochs=two", 'expected a number above 0, found "two"', None),
        ('train.epochs="2"', 'expected a number above 0, found "2"', "write it without quotes"),
        ("epochs", "expected key=value, found 'epochs'", None),
        ("=3", "expected key=value, found '=3'", None),
        ("train..x=3", "expected key=value, found 'train..x=3'", None),
        ("data.system=\udcff", "the value is not valid text", "use UTF-8"),
    ],
)
def test_bad_overrides(write, override, message, fix):
    problem = only(write(BASE), overrides=[override])
    assert problem.message == message
    assert problem.file.startswith("--set")
    assert fix is None or problem.fix == fix


def test_an_override_does_not_hide_a_broken_table(write):
    text = BASE.replace("[train]", "[train_]").split("[profiles")[0]
    text = "train = 3\n" + text
    found = problems(write(text), overrides=["train.epochs=2"])
    assert [problem.line for problem in found] == [1, 11]


def test_shortcuts_can_be_given_again_as_overrides(write):
    path = write(BASE)
    loaded = load_recipe(path, backend="swift", model='/a "b"', seed=7)
    assert loaded.recipe.default_backend == "swift"
    assert (loaded.recipe.model.id, loaded.recipe.model.revision) == ('/a "b"', None)
    assert loaded.recipe.train.seed == 7
    assert load_recipe(path, overrides=loaded.overrides).recipe == loaded.recipe


def test_shortcuts_are_checked(write):
    found = problems(write(BASE), model="", seed=-1)
    assert {(problem.file, problem.field) for problem in found} == {
        ("--model ", "model.id"),
        ("--seed -1", "train.seed"),
    }


def test_every_problem_at_once_each_with_its_line(write):
    text = """\
name = "-x"
lr = 1
[model]
revison = "x"
[data]
train = ["a", 3, { path = "x", wieght = 2 }]
[train]
batch_size = "4"
epochs = true
loss = "standart"
learning_rate = nan
lora.rank = 0
lora.targets = "q_proj"
[[data.clean]]
name = "a"
[[data.clean]]
nam = "b"
[profiles.a.train]
scheduler = 4
[profiles.b]
model.dtype = "fp32"
"""
    found = [(problem.line, problem.field, problem.message) for problem in problems(write(text))]
    assert found == [
        (1, "name", 'expected text of letters, digits and `_.-`, found "-x"'),
        (2, "lr", "unknown key"),
        (3, "model.id", "is required"),
        (4, "model.revison", "unknown key"),
        (6, "data.train[1]", "expected non-empty text or a table, found 3"),
        (6, "data.train[2].wieght", "unknown key"),
        (8, "train.batch_size", 'expected a whole number above 0, found "4"'),
        (9, "train.epochs", "expected a number above 0, found true"),
        (10, "train.loss", 'expected "standard" or "engine", found "standart"'),
        (11, "train.learning_rate", "expected a number above 0, found nan"),
        (12, "train.lora.rank", "expected a whole number above 0, found 0"),
        (
            13,
            "train.lora.targets",
            'expected "all-linear" or a list of text, found "q_proj"',
        ),
        (16, "data.clean[1].name", "is required"),
        (17, "data.clean[1].nam", "unknown key"),
        (
            19,
            "profiles.a.train.scheduler",
            'expected "constant", "linear" or "cosine", found 4',
        ),
        (
            21,
            "profiles.b.model.dtype",
            'expected "auto", "float32", "bfloat16" or "float16", found "fp32"',
        ),
    ]


def test_missing_tables(write):
    found = problems(write(""))
    assert [(p.line, p.field, p.message) for p in found] == [
        (1, "name", "is required"),
        (1, "model", "is required"),
        (1, "data", "is required"),
    ]
    assert found[1].fix == "add a table [model]"


def test_a_problem_of_the_chosen_profile_points_into_it(write):
    text = BASE + "epochs = 0\n"
    problem = only(write(text), profile="course")
    assert (problem.field, problem.line) == ("profiles.course.train.epochs", 19)
    assert only(write(text)) == problem


def test_a_list_of_a_profile_points_into_the_profile(write):
    text = BASE.replace('"b.jsonl" }', '"b.jsonl", weigth = 1.0 }')
    problem = only(write(text), profile="course")
    assert (problem.field, problem.line) == ("profiles.course.data.train[1].weigth", 15)
    assert problem.fix == "did you mean `weight`?"


def test_a_profile_that_contradicts_the_base_is_found_unchosen(write):
    text = BASE.split("[profiles")[0] + (
        '[evaluation]\nmetrics = ["a", "b"]\nmain_metric = "b"\n'
        '[profiles.x.evaluation]\nmetrics = ["a"]\n'
    )
    problem = only(write(text))
    assert problem.field == "evaluation.main_metric"
    assert problem.message == 'with profile x: "b" is not among the metrics'
    assert only(write(text), profile="x").message == '"b" is not among the metrics'


def test_a_field_still_to_come_matters_in_the_chosen_profile_only(write):
    text = BASE + '[profiles.course.track]\ntrackers = ["swanlab"]\n'
    assert load_recipe(write(text)).recipe.track.trackers == []
    problem = only(write(text), profile="course")
    assert problem.code == "recipe.not-yet"
    assert problem.line == 20


def test_the_error_has_the_one_code_of_its_problems(write):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(BASE), overrides=['track.trackers=["swanlab"]'])
    assert caught.value.code == "recipe.not-yet"
    assert caught.value.message == "demo.toml has 1 problem"


def test_later_problems_get_their_place(write):
    loaded = load_recipe(write(BASE), overrides=["train.epochs=3"])
    assert loaded.placed(Problem("x", field="train.lora.rank")).line == 12
    assert loaded.placed(Problem("x", field="train.epochs")).file == "--set train.epochs=3"
    assert loaded.placed(Problem("x", field="train.packing")).line == 10


def test_paths_may_belong_to_another_folder(write, tmp_path):
    loaded = load_recipe(write(BASE), base=tmp_path / "other")
    assert loaded.resolve("x") == (tmp_path / "other" / "x").resolve()


def test_a_profile_can_take_keys_away(write):
    text = BASE.replace(
        'data.train = ["a', 'unset = ["train.epochs", "model.revision"]\ndata.train = ["a'
    )
    path = write(text)
    recipe = load_recipe(path, profile="course").recipe
    assert (recipe.train.epochs, recipe.model.revision) == (1.0, None)
    assert load_recipe(path).recipe.train.epochs == 2.0


@pytest.mark.parametrize(
    ("unset", "message", "fix"),
    [
        ('["train.epoch"]', 'unknown key "train.epoch"', "did you mean `epochs`?"),
        ('["a b"]', 'unknown key "a b"', "write keys with dots: data.test"),
        ('"train.epochs"', 'expected a list of keys in quotes, found "train.epochs"', None),
        ("[3]", "expected a list of keys in quotes, found a list", None),
    ],
)
def test_a_profile_that_takes_away_what_is_not_there(write, unset, message, fix):
    text = BASE.replace("[profiles.course]", f"[profiles.course]\nunset = {unset}")
    for profile in (None, "course"):
        problem = only(write(text), profile=profile)
        assert (problem.message, problem.line) == (message, 15)
        assert fix is None or problem.fix == fix


def test_a_required_key_that_a_profile_takes_away(write):
    text = BASE.replace("[profiles.course]", '[profiles.course]\nunset = ["model.id"]')
    problem = only(write(text), profile="course")
    assert (problem.field, problem.message) == ("profiles.course.model.id", "is required")
