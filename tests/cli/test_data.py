from __future__ import annotations

import json

import pytest


def test_check_of_a_recipe(ft, toy):
    said = ft("data", "check", toy.recipe)
    assert said.code == 0
    for line in ("records 10, rows 10", "prompt_completion: set in the recipe", "tokens "):
        assert line in said.out
    assert "every record is a usable row" in said.out
    data = ft("data", "check", toy.recipe, "--json").data
    assert data["ok"]
    assert set(data["parts"]) == {"train", "test"}


def test_check_without_the_model(ft, toy):
    given = ("data", "check", toy.recipe, "--no-tokens", "--model", "nowhere-at-all")
    assert ft(*given).code == 0
    assert ft(*given, "--json").data["parts"]["train"]["tokens"] is None


def test_check_of_files(ft, toy):
    said = ft("data", "check", toy.root / "train.jsonl", toy.root / "test.jsonl")
    assert said.code == 0
    assert "records 15, rows 15" in said.out


def test_check_finds_what_is_broken(ft, toy, tmp_path):
    with (toy.root / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"prompt": "no answer"}\nnot json\n')
        file.write(json.dumps({"prompt": "What is the capital of Peru?", "completion": "Rome."}))
    said = ft("data", "check", toy.recipe, "--all", tmp_path / "all.jsonl")
    text = said.refused(7)
    assert "2 problems in the rows" in text
    assert "train.jsonl:11" in text
    assert "train.jsonl:12" in text
    assert "another answer to the prompt of train.jsonl:5" in said.out
    written = (tmp_path / "all.jsonl").read_text("utf-8").splitlines()
    levels = [json.loads(line)["level"] for line in written]
    assert levels.count("problem") == 2
    assert "warning" in levels
    broken = ft("data", "check", toy.recipe, "--json")
    assert (broken.code, broken.data["ok"]) == (7, False)


def test_check_shows_the_first_of_many(ft, toy):
    with (toy.root / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write("broken\n" * 50)
    text = ft("data", "check", toy.root / "train.jsonl").refused(7)
    assert "50 problems in the rows, the first 20 are shown" in text
    assert "--all FILE" in text


def test_a_recipe_is_checked_as_it_trains(ft, toy):
    with (toy.root / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"prompt": "Who  asks?", "completion": "I do."}) + "\n")
        file.write(json.dumps({"prompt": "Who asks?", "completion": "I do."}) + "\n")
    steps = 'data.clean=[{name="normalise_whitespace"}, {name="drop_duplicates"}]'
    said = ft("data", "check", toy.recipe, "--set", steps, "--set", "data.split.validation=0.4")
    assert "shaping      normalise_whitespace: 1 changed (12 rows)" in said.out
    assert "shaping      drop_duplicates: 1 removed (12 rows)" in said.out
    assert "\nvalidation\n" in said.out
    assert "drop_duplicates 1" in said.out
    assert "warning" not in said.out
    data = ft("data", "check", toy.recipe, "--set", steps, "--json").data
    assert data["parts"]["train"]["shaping"][1]["removed"] == 1
    assert "leakage" in data["parts"]["test"]


def test_files_take_no_recipe_options(ft, toy):
    text = ft("data", "check", toy.root / "train.jsonl", "--model", "x").refused(2)
    assert "need a recipe" in text


def test_check_with_another_format(ft, toy):
    text = ft("data", "check", toy.recipe, "--format", "messages").refused(7)
    assert "train.jsonl:1" in text


def test_check_for_languages_and_near_rows(ft, toy):
    question = "Which of the cities by the river is the capital of the whole country, " * 2
    rows = [{"prompt": f"{question}{end}", "completion": "Paris."} for end in ("?", "?!")]
    (toy.root / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = ft("data", "check", toy.root / "more.jsonl", "--near", "--languages")
    assert "near duplicates 1" in said.out
    assert "languages    en 2" in said.out
    assert "more.jsonl:2: nearly the same row as" in said.out
    strict = ft("data", "check", toy.root / "more.jsonl", "--similarity", 0.99, "--json").data
    assert strict["parts"]["rows"]["counts"]["near_duplicates"] == 0
    data = ft("data", "check", toy.recipe, "--near", "--no-tokens", "--json").data
    assert data["parts"]["test"]["leakage"]["near_prompt"] == 0
    assert data["parts"]["train"]["languages"] is None


def test_preview(ft, toy):
    said = ft("data", "preview", toy.recipe, "--rows", 2)
    assert said.code == 0
    assert said.out.count("-- train.jsonl:") == 2
    assert "⟦Paris.<|im_end|>⟧" in said.out


def test_preview_as_json(ft, toy):
    (row,) = ft("data", "preview", toy.recipe, "--rows", 1, "--part", "test", "--json").data["rows"]
    assert row["source"] == "test.jsonl:1"
    assert "".join(s["text"] for s in row["segments"] if s["supervised"]) == "Paris.<|im_end|>"


def test_preview_as_a_page(ft, toy, tmp_path):
    page = tmp_path / "rows.html"
    assert ft("data", "preview", toy.recipe, "--html", page).out == f"wrote {page}\n"
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "Paris." in text


@pytest.mark.parametrize(("overlong", "word"), [("drop", "dropped"), ("truncate_prompt", "cut")])
def test_preview_of_lost_rows(ft, toy, overlong, word):
    with (toy.root / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"prompt": "again and " * 200, "completion": "again."}) + "\n")
    said = ft("data", "preview", toy.recipe, "--lost", "--set", f"data.overlong={overlong}")
    assert said.out.count("-- train.jsonl:") == 1
    assert "-- train.jsonl:11" in said.out
    assert f"; {word}: " in said.out
