import pytest

from ftcore.errors import RecipeError
from ftcore.recipe.loading import load_recipe
from ftcore.recipe.rules import path_problems, rule_problems
from ftcore.recipe.schema import Recipe

START = {"name": "x", "model": {"id": "m"}, "data": {"train": "a"}}


def recipe(**settings):
    values = {
        key: dict(value) if isinstance(value, dict) else value for key, value in START.items()
    }
    for path, value in settings.items():
        table = values
        *parents, last = path.split("__")
        for part in parents:
            table = table.setdefault(part, {})
        table[last] = value
    return Recipe.model_validate(values)


def fields(**settings):
    return [problem.field for problem in rule_problems(recipe(**settings))]


def test_defaults_do_not_contradict_each_other():
    assert rule_problems(recipe()) == []


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"train__max_steps": 10, "train__warmup_steps": 10}, "train.warmup_steps"),
        ({"data__test": ["a", {"path": "b", "weight": 2.0}]}, "data.test[1].weight"),
        ({"data__validation": [{"path": "b", "weight": 0.5}]}, "data.validation[0].weight"),
        ({"train__validation__patience": 3}, "train.validation.patience"),
        ({"train__validation__load_best": True}, "train.validation.load_best"),
        ({"train__validation__every_steps": 3}, "train.validation.every_steps"),
        (
            {"data__validation": [], "train__validation__every_steps": 3},
            "train.validation.every_steps",
        ),
        (
            {
                "data__validation": "v",
                "train__validation__every_steps": 3,
                "train__validation__load_best": True,
            },
            "train.validation.load_best",
        ),
        (
            {
                "data__split__validation": 0.1,
                "train__validation__every_steps": 3,
                "train__validation__load_best": True,
                "train__checkpoints__every_steps": 4,
            },
            "train.checkpoints.every_steps",
        ),
        (
            {"train__method": "full", "train__lora__rank": 4, "export__formats": ["merged"]},
            "train.lora.rank",
        ),
        ({"train__method": "full"}, "export.formats"),
        (
            {"train__method": "freeze", "model__dtype": "bfloat16", "export__formats": []},
            "model.dtype",
        ),
        ({"train__freeze__last_layers": 4}, "train.freeze.last_layers"),
        ({"train__prompt__virtual_tokens": 4}, "train.prompt.virtual_tokens"),
        ({"train__lora__init": "pissa", "train__precision": "bf16"}, "train.lora.init"),
        ({"train__lora__init": "pissa", "model__dtype": "float16"}, "train.lora.init"),
        ({"train__lora__init": "pissa", "train__lora__dora": True}, "train.lora.init"),
        (
            {
                "model__quantization": "4bit",
                "train__method": "full",
                "export__formats": ["merged"],
            },
            "model.quantization",
        ),
        ({"model__quantization": "8bit", "train__lora__dora": True}, "train.lora.dora"),
        ({"train__optimizer": "sgd", "train__beta2": 0.9}, "train.beta2"),
        ({"train__optimizer": "adafactor", "train__epsilon": 1e-6}, "train.epsilon"),
        (
            {"train__optimizer": "adafactor", "train__lora__plus_ratio": 16.0},
            "train.lora.plus_ratio",
        ),
        ({"train__scheduler": "constant", "train__min_lr_ratio": 0.1}, "train.min_lr_ratio"),
        ({"train__method": "prompt_tuning", "export__formats": ["merged"]}, "export.formats"),
        (
            {"train__method": "prefix_tuning", "train__gradient_checkpointing": True},
            "train.gradient_checkpointing",
        ),
        ({"data__split__validation": 0.5, "data__split__test": 0.5}, "data.split.test"),
        ({"data__split__validation": 0.5, "data__validation": "v"}, "data.split.validation"),
        ({"data__split__test": 0.5, "data__test": "v"}, "data.split.test"),
        ({"data__format": "messages", "data__ner__none": "-"}, "data.ner.none"),
        ({"data__format": "ner", "data__alpaca__reading": "role_play"}, "data.alpaca.reading"),
        ({"data__ner__instruction": "{labels} {x}"}, "data.ner.instruction"),
        ({"data__ner__instruction": "{labels} {}"}, "data.ner.instruction"),
        ({"data__ner__instruction": '{labels}: {"a": 1}'}, "data.ner.instruction"),
        ({"data__ner__instruction": "{labels:d}"}, "data.ner.instruction"),
        ({"data__ner__instruction": "{labels"}, "data.ner.instruction"),
        ({"data__ner__prompt": "read this"}, "data.ner.prompt"),
        ({"evaluation__metrics": ["a", "a"]}, "evaluation.metrics"),
        ({"evaluation__main_metric": "exact_mach"}, "evaluation.main_metric"),
        ({"evaluation__metrics": ["sql_execution_accuracy"]}, "evaluation.metrics"),
        ({"evaluation__generation__temperature": 0.5}, "evaluation.generation.temperature"),
        ({"evaluation__generation__top_k": 5}, "evaluation.generation.top_k"),
        ({"launch__processes": 2}, "launch.processes"),
        ({"launch__strategy": "ddp"}, "launch.strategy"),
        ({"accept_approximate": ["train.packin"]}, "accept_approximate"),
        ({"export__formats": ["merged", "merged"]}, "export.formats"),
    ],
)
def test_contradictions(settings, field):
    assert fields(**settings) == [field]
    (problem,) = rule_problems(recipe(**settings))
    assert problem.fix
    assert problem.code == "recipe.contradiction"


@pytest.mark.parametrize(
    "settings",
    [
        {"train__max_steps": 10, "train__warmup_steps": 9},
        {
            "data__validation": "v",
            "train__validation__every_steps": 3,
            "train__validation__load_best": True,
            "train__validation__patience": 2,
            "train__checkpoints__every_steps": 6,
        },
        {"evaluation__generation__temperature": 0.5, "evaluation__generation__do_sample": True},
        {"data__test_format": "ner", "data__format": "messages", "data__ner__none": "-"},
        {"evaluation__metrics": ["sql_execution_accuracy"], "evaluation__sql__databases": "db"},
        {"data__test": [], "data__split__test": 0.1},
        {"launch__processes": 2, "launch__strategy": "ddp"},
        {"accept_approximate": ["train.packing"]},
        {
            "train__method": "freeze",
            "train__freeze__last_layers": 4,
            "export__formats": ["merged"],
        },
    ],
)
def test_what_fits_together(settings):
    assert fields(**settings) == []


def test_the_nearest_metric_is_named():
    (problem,) = rule_problems(recipe(evaluation__main_metric="exact_mach"))
    assert problem.fix == 'did you mean "exact_match"?'


def test_a_field_that_is_not_yet_there_is_reported_once(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('name = "x"\nmodel.id = "m"\ndata.train = "a"\nlaunch.strategy = "fsdp"\n')
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert [problem.code for problem in caught.value.problems] == ["recipe.not-yet"]


def test_files_outside_the_data_are_looked_for(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(
        'name = "x"\nmodel.id = "m"\ndata.train = "a"\n'
        '[evaluation]\nfew_shot = "few.jsonl"\nsql.databases = "db"\n'
    )
    loaded = load_recipe(path)
    found = path_problems(loaded)
    assert [(problem.field, problem.line) for problem in found] == [
        ("evaluation.few_shot", 5),
        ("evaluation.sql.databases", 6),
    ]
    (tmp_path / "few.jsonl").touch()
    (tmp_path / "db").mkdir()
    assert path_problems(loaded) == []


def test_what_methods_take():
    pissa = {"train__lora__init": "pissa", "train__precision": "bf16", "model__dtype": "float32"}
    assert fields(**pissa) == []
    prompt = {"train__method": "prefix_tuning", "train__prompt__virtual_tokens": 4}
    assert fields(**prompt) == []
    assert fields(train__method="ia3", export__formats=["merged"]) == []
    assert fields(train__scheduler="cosine", train__min_lr_ratio=0.1) == []
    assert fields(train__optimizer="adafactor") == []
