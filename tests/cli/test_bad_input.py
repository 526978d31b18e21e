"""Every bad input gets one clear error before any compute, and its exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROW = {"prompt": "What is the capital of Chad?", "completion": "N'Djamena."}


@pytest.fixture
def edit(toy) -> Callable[[str, str], Path]:
    """A function that replaces text in the toy's recipe."""

    def replace(old: str, new: str) -> Path:
        text = toy.recipe.read_text("utf-8")
        assert old in text
        toy.recipe.write_text(text.replace(old, new), encoding="utf-8")
        return toy.recipe

    return replace


@pytest.fixture
def refused(ft) -> Callable[..., str]:
    """A function that runs ft, checks the error in both forms, and returns its text."""

    def run(code: int, *arguments: object) -> str:
        data = ft(*arguments, "--json").data
        assert data["exit_code"] == code
        text = ft(*arguments).refused(code)
        assert data["message"].splitlines()[0] in text
        return text

    return run


@pytest.fixture
def model_without(tiny_model: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A function that copies the tiny model and leaves out a file, or a key of one."""

    def copy(missing: str) -> Path:
        folder = tmp_path / "broken-model"
        shutil.copytree(tiny_model, folder)
        if (folder / missing).exists():
            (folder / missing).unlink()
        else:
            path = folder / "tokenizer_config.json"
            data = json.loads(path.read_text("utf-8"))
            del data[missing]
            path.write_text(json.dumps(data), encoding="utf-8")
        return folder

    return copy


def add_line(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def test_missing_file(refused, toy):
    wrong = toy.recipe.with_name("recipee.toml")
    text = refused(2, "run", wrong)
    assert f"there is no recipe {wrong}" in text
    assert "did you mean" in text
    assert "recipe.toml?" in text


def test_recipe_is_a_folder(refused, toy):
    assert "cannot be read" in refused(2, "run", toy.root)


def line_of(path: Path, text: str) -> int:
    """Return the first line of a file that holds ``text``, from 1."""
    lines = path.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_broken_toml(refused, edit):
    recipe = edit("epochs = 2", "epochs = = 2")
    assert f"{recipe}:{line_of(recipe, '= =')}: " in refused(2, "run", recipe)


def test_unknown_key(refused, edit):
    recipe = edit("learning_rate", "lerning_rate")
    text = refused(2, "run", recipe)
    assert "train.lerning_rate: unknown key (did you mean `learning_rate`?)" in text
    assert f"recipe.toml:{line_of(recipe, 'lerning_rate')} " in text


def test_wrong_type(refused, edit):
    text = refused(2, "run", edit("batch_size = 2", 'batch_size = "two"'))
    assert "train.batch_size: expected a whole number above 0" in text


def test_every_problem_at_once(refused, edit):
    edit("learning_rate", "lerning_rate")
    text = refused(2, "run", edit("epochs = 2", "epochs = -2"))
    assert "recipe.toml has 2 problems" in text
    assert text.count("\n  - ") == 2


def test_metric_that_does_not_exist(refused, edit):
    recipe = edit('["exact_match"]', '["exact_macht"]')
    text = refused(2, "run", recipe)
    assert "there is no metric 'exact_macht' (did you mean 'exact_match'?)" in text
    assert f"recipe.toml:{line_of(recipe, 'macht')} evaluation.metrics" in text


def test_missing_data(refused, edit):
    text = refused(2, "run", edit('"train.jsonl"', '"trian.jsonl"'))
    assert "the data file trian.jsonl does not exist" in text
    assert "did you mean train.jsonl?" in text


def test_broken_line(refused, toy):
    add_line(toy.root / "train.jsonl", '{"prompt": "half')
    assert "train.jsonl:11" in refused(2, "run", toy.recipe)


def test_row_without_an_answer(refused, toy):
    add_line(toy.root / "train.jsonl", json.dumps({"prompt": "What is it?"}))
    text = refused(2, "run", toy.recipe)
    assert "train.jsonl:11" in text
    assert "completion" in text


def test_row_that_teaches_nothing(refused, toy, edit):
    """All its labels are masked: its only answer has weight 0."""
    edit('"prompt_completion"', '"messages"')
    edit('test = "test.jsonl"', 'test = "test.jsonl"\ntest_format = "prompt_completion"')
    turns = [
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": "No.", "weight": 0},
    ]
    (toy.root / "train.jsonl").write_text(json.dumps({"messages": turns}) + "\n", encoding="utf-8")
    text = refused(2, "run", toy.recipe)
    assert "train.jsonl:1 messages: every answer has weight 0: there is nothing to learn" in text


def test_row_that_is_too_long(refused, toy, edit):
    long = {"prompt": "again and " * 200, "completion": "again."}
    add_line(toy.root / "train.jsonl", json.dumps(long))
    text = refused(2, "run", toy.recipe)
    assert "longer than data.max_length = 128" in text
    assert "train.jsonl:11" in text


@pytest.mark.parametrize("command", ["run", "recipe validate"])
def test_unknown_backend(refused, toy, command):
    text = refused(2, *command.split(), toy.recipe, "--backend", "tyo")
    assert "unknown backend 'tyo'" in text
    assert "did you mean toy?" in text
    assert "toy" in refused(2, "backends", "show", "nothing")


def test_unknown_profile(refused, toy):
    assert "no profile 'course'" in refused(2, "run", toy.recipe, "--profile", "course")


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("train.epochs", "expected key=value"),
        ("train.epoch=2", "unknown key"),
        ("train.epochs=many", "expected a number above 0"),
        ("train.packing=true", "toy does not support train.packing"),
        ("model.quantization=4bit", "toy does not support model.quantization"),
        ("backend.toy.speed=2", "toy takes no options beyond the fields of the recipe"),
        ("backend.tyo.speed=2", "did you mean [backend.toy]?"),
        ("train.lora.dora=true", "toy does not support train.lora.dora"),
        ("train.loss=engine", "only approximately"),
        ("evaluation.generation.top_k=3", "of no use while do_sample = false"),
    ],
)
def test_overrides(refused, toy, override, found):
    assert found in refused(2, "run", toy.recipe, "--set", override)


@pytest.mark.parametrize("command", ["run", "run --dry-run"])
def test_unknown_evaluator(refused, toy, command):
    text = refused(2, *command.split(), toy.recipe, "--evaluator", "native")
    assert "backend toy declares no native evaluator" in text
    assert "backends that have one: llamafactory, swift, trl" in text


def test_an_evaluator_that_there_is_not(refused, toy):
    text = refused(2, "run", toy.recipe, "--evaluator", "vllm")
    assert "no evaluator 'vllm'" in text
    assert "shared" in text


@pytest.mark.parametrize(
    ("missing", "found"),
    [
        ("tokenizer.json", "tokenizer"),
        ("chat_template", "chat template"),
        ("model.safetensors", "safetensors"),
        ("config.json", "config.json"),
    ],
)
def test_incomplete_model(refused, toy, model_without, missing, found):
    text = refused(2, "run", toy.recipe, "--model", model_without(missing))
    assert found in text


def test_model_that_is_nowhere(refused, toy):
    text = refused(2, "run", toy.recipe, "--model", "smollm2-135m-instrct")
    assert "smollm2-135m-instruct" in text


def test_too_little_disk(refused, toy, monkeypatch, ft):
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    text = refused(5, "run", toy.recipe, "--python", "current")
    assert "1 kB are free" in text or "1000 bytes are free" in text
    assert list(toy.runs.glob("*")) == []
    said = ft("run", toy.recipe, "--dry-run")
    assert said.code == 0
    assert "would be refused here: the run needs" in said.out


def test_what_this_machine_lacks(refused, toy, ft):
    given = ("run", toy.recipe, "--set", "train.precision=fp16")
    text = refused(2, *given, "--python", "current")
    assert "train.precision" in text
    assert "cuda" in text
    said = ft(*given, "--dry-run")
    assert said.code == 0
    assert "would be refused here:" in said.out
    assert ft(*given, "--dry-run", "--json").data["would_be_refused"]


def test_python_that_is_none(refused, toy):
    text = refused(5, "run", toy.recipe, "--python", toy.recipe)
    assert f"health check of {toy.recipe} did not answer" in text


@pytest.mark.parametrize("command", ["runs show", "runs remove --yes", "report"])
def test_run_that_is_nowhere(refused, clean, command):
    assert "no run 'x' in runs" in refused(2, *command.split(), "x")


def test_nothing_to_evaluate(refused, toy, tmp_path):
    (tmp_path / "empty").mkdir()
    text = refused(2, "eval", tmp_path / "empty", "--recipe", toy.recipe)
    assert "no run, no adapter and no model" in text


def test_recipe_that_is_there(refused, toy, ft):
    assert ft("recipe", "new", "mine", toy.root, "--from", toy.root / "train.jsonl").code == 0
    text = refused(2, "recipe", "new", "mine", toy.root, "--from", toy.root / "train.jsonl")
    assert "is there already" in text
    assert "no recipe 'nre'" in refused(2, "recipe", "new", "nre")


def test_unknown_format(refused, toy):
    text = refused(2, "data", "check", toy.root / "train.jsonl", "--format", "alpca")
    assert "did you mean 'alpaca'?" in text


def test_plugin_that_fails_to_import(refused, toy, install_plugin, ft):
    install_plugin("ft-sour", "sour", "import a_module_that_is_not_there")
    text = refused(4, "run", toy.recipe, "--backend", "sour")
    assert "sour (ft-sour 1.0)" in text
    assert "a_module_that_is_not_there" in text
    assert ft("run", toy.recipe, "--dry-run").code == 0
    assert "is broken" in ft("backends", "list").out
    said: Any = ft("doctor")
    assert said.code == 7
    assert "a_module_that_is_not_there" in said.out
    assert "plugin" in said.err


def test_two_plugins_with_one_backend(refused, toy, install_plugin):
    install_plugin("ft-twin", "twin", "from ft_toy.plugin import ft_backends")
    text = refused(4, "run", toy.recipe)
    assert "ft-twin" in text
    assert "ft-toy" in text


def test_no_network_during_the_build(refused, toy, install_backend, monkeypatch, tmp_path):
    install_backend("far", f"a-far-package==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    text = refused(5, "run", toy.recipe, "--backend", "far", "--offline")
    assert "The far environment could not be built" in text
    assert "[environment.offline]" in text
    assert "run once with a network" in text
