"""What the recipe makes of the rows of `data.train`, from the recipe to the plan."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from ftcore.data.account import LeftOut
from ftcore.data.shape import Shaper
from ftcore.engine.inputs import open_data, read_test
from ftcore.engine.preview import preview_rows
from ftcore.errors import DataError, RecipeError
from ftcore.recipe.loading import load_recipe

ROWS = [
    {"prompt": "Which   river?", "completion": "The Seine.", "kind": "a"},
    {"prompt": "Which river?", "completion": "The Seine.", "kind": "a"},
    {"prompt": "Which \x07hill?", "completion": "The Lido.", "kind": "b"},
    *({"prompt": f"Question {n}?", "completion": f"Answer {n}.", "kind": "b"} for n in range(12)),
]
CLEAN = """
[[data.clean]]
name = "normalise_whitespace"

[[data.clean]]
name = "drop_duplicates"
"""


@dataclass
class Shaped:
    """The rows of `data.train` as the recipe shapes them."""

    parts: dict = field(default_factory=lambda: {"train": [], "validation": [], "test": []})
    left_out: list = field(default_factory=list)
    shaping: list = field(default_factory=list)


def shape(loaded) -> Shaped:
    data, found = open_data(loaded), Shaped()
    shaper = Shaper(data.shaping, data.portions["train"].quoting)
    for item in data.items(shaper):
        if isinstance(item, LeftOut):
            found.left_out.append(item)
        else:
            found.parts[item[0]].append(item[1])
    found.shaping = shaper.counts
    return found


def write(toy, clean="", rows=ROWS, data=""):
    (toy.root / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = toy.recipe.read_text().replace("max_length = 128\n", f"max_length = 128\n{data}")
    toy.recipe.write_text(text + clean)
    return load_recipe(toy.recipe)


def test_cleaning_comes_before_the_split(toy):
    inputs = shape(write(toy, CLEAN + "[data.split]\nvalidation = 0.3\n"))
    assert len(inputs.parts["train"]) + len(inputs.parts["validation"]) == 14
    assert [str(count) for count in inputs.shaping] == [
        "normalise_whitespace: 1 changed (15 rows)",
        "drop_duplicates: 1 removed (15 rows)",
    ]
    assert [item.row.source.line for item in inputs.left_out] == [2]


def test_the_plan_counts_each_step_and_the_account_adds_up(toy):
    write(toy, CLEAN, data="limit = 10\n")
    plan = toy.prepare().plan
    assert [step["name"] for step in plan.shaping] == [
        "normalise_whitespace",
        "drop_duplicates",
        "limit",
    ]
    assert plan.account["counts"]["train"] == {"kept": 10, "cut": 0, "dropped": 5}
    assert plan.account["reasons"] == {"drop_duplicates": 1, "limit": 4}
    assert plan.rows["train"] == 10
    json.dumps(plan.to_json())


def test_augmentation_sees_the_training_part_alone(toy):
    clean = '[[data.clean]]\nname = "noise"\noptions = {rate = 0.5}\n'
    inputs = shape(write(toy, clean + "[data.split]\nvalidation = 0.3\n"))
    held_out = {row.source.line for row in inputs.parts["validation"]}
    added = [
        row
        for row in inputs.parts["train"]
        if row.messages[0].content not in {item["prompt"] for item in ROWS}
    ]
    assert inputs.shaping[0].added == len(added) > 0
    assert held_out.isdisjoint(row.source.line for row in added)
    assert shape(load_recipe(toy.recipe)) == inputs


def test_steps_behind_an_augmentation_run_after_it(toy):
    clean = '[[data.clean]]\nname = "noise"\n' + CLEAN
    inputs = shape(write(toy, clean))
    assert [count.name for count in inputs.shaping] == [
        "noise",
        "normalise_whitespace",
        "drop_duplicates",
    ]
    assert inputs.shaping[1].rows == inputs.shaping[0].rows + inputs.shaping[0].added


def test_weights(toy):
    write(toy)
    (toy.root / "more.jsonl").write_text(json.dumps({"prompt": "More?", "completion": "Yes."}))
    sources = '[{path = "train.jsonl", weight = 0.5}, {path = "more.jsonl", weight = 3}]'
    toy.recipe.write_text(
        toy.recipe.read_text().replace('train = "train.jsonl"', f"train = {sources}")
    )
    inputs = shape(load_recipe(toy.recipe))
    by_file = [row.source.file for row in inputs.parts["train"]]
    assert by_file.count("more.jsonl") == 3
    assert 3 <= by_file.count("train.jsonl") <= 12
    (count,) = inputs.shaping
    assert (count.name, count.rows, count.added) == ("weights", 16, 2)
    assert count.removed == len(inputs.left_out) == 15 - by_file.count("train.jsonl")
    assert inputs.left_out[0].detail == "left out by the weight of its source"


def test_what_is_clean_is_not_warned_of(toy):
    def odd(*overrides):
        plan = toy.prepare(*overrides).plan
        return [warning for warning in plan.warnings if "U+0007" in warning]

    write(toy)
    (warning,) = odd()
    assert warning.startswith("train.jsonl:3 messages[0]: control character U+0007 at character 7")
    assert len(odd('data.clean=[{name="drop_duplicates"}]')) == 1
    assert odd('data.clean=[{name="strip_control_characters"}]') == []


def test_wrong_steps_are_told_with_their_line(toy):
    loaded = write(toy, '[[data.clean]]\nname = "noize"\n')
    with pytest.raises(DataError) as caught:
        open_data(loaded)
    (problem,) = caught.value.problems
    assert problem.line == toy.recipe.read_text().splitlines().index('name = "noize"') + 1
    assert "did you mean 'noise'" in str(problem)


def test_documents_are_trained_on_without_a_chat_template(toy, tiny_model):
    rows = [{"text": f"Document {n}. " * 5} for n in range(9)]
    write(toy, rows=rows)
    base = toy.root / "base"
    base.mkdir()
    for path in tiny_model.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    names = json.loads((base / "tokenizer_config.json").read_text())
    del names["chat_template"]
    (base / "tokenizer_config.json").write_text(json.dumps(names))
    text = toy.recipe.read_text().replace('test = "test.jsonl"\nformat = "prompt_completion"\n', "")
    toy.recipe.write_text(text.replace(str(tiny_model), str(base)))
    prepared = toy.prepare()
    assert prepared.plan.tokens == prepared.plan.supervised_tokens
    assert prepared.plan.stop_token == "<|im_end|>"
    (row, *_) = preview_rows(load_recipe(toy.recipe), notify=lambda text: None)
    assert row.segments[0].supervised
    with pytest.raises(DataError, match="cannot be a test row"):
        read_test(load_recipe(toy.recipe, overrides=['data.test="train.jsonl"']))


def test_the_preview_shows_lost_rows(toy):
    long = {"prompt": "word " * 200, "completion": "x"}
    write(toy, CLEAN, rows=[*ROWS[:2], long], data='overlong = "truncate_prompt"\n')
    found = preview_rows(load_recipe(toy.recipe), lost=True, notify=lambda text: None)
    assert [(item.rendered.status, item.rendered.reason) for item in found] == [
        ("cut", "overlong"),
        ("dropped", "drop_duplicates"),
    ]
    cut, dropped = found
    assert "tokens cut from the prompt's text" in cut.caption()
    assert "dropped: drop_duplicates, the same row as train.jsonl:1" in dropped.caption()
    assert dropped.segments[0].text == "[user] Which river?\n[assistant] The Seine."


def test_weights_of_held_out_rows_are_refused(toy):
    loaded = toy.recipe.read_text().replace('"test.jsonl"', '[{path = "test.jsonl", weight = 2}]')
    toy.recipe.write_text(loaded)
    with pytest.raises(RecipeError) as caught:
        load_recipe(toy.recipe)
    assert caught.value.problems[0].field == "data.test[0].weight"
