"""What the pages say is true: generated parts, links, examples in Python, TOML and rows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

import ftcore
from ftcore.data.formats import FormatOptions, formats
from ftcore.data.read import read_rows
from ftcore.recipe.loading import load_recipe
from tests.docs.pages import PAGES, ROOT, Block, blocks

MARKDOWN = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    ROOT / "ftcore" / "README.md",
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.M | re.S)
ROWS = ROOT / "docs" / "examples" / "rows"
PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]


def test_generated_parts_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, f"run python scripts/docs.py\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    text = FENCED.sub("", page.read_text("utf-8"))
    broken = [
        link
        for link in LINK.findall(text)
        if "://" not in link and not (page.parent / link.partition("#")[0]).exists()
    ]
    assert not broken


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert pages <= set(LINK.findall(index))


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_is_python_and_names_what_exists(block: Block) -> None:
    compile(block.text, str(block), "exec")
    assert set(re.findall(r"\bftcore\.([a-zA-Z]\w*)\(", block.text)) <= set(ftcore.__all__)


def test_python_examples_on_statistics_say_what_they_print() -> None:
    """A block of Python and the block of text behind it."""
    page = blocks(ROOT / "docs" / "statistics.md")
    (place,) = [number for number, block in enumerate(page) if block.language == "python"]
    done = subprocess.run(
        [sys.executable, "-c", page[place].text], capture_output=True, text=True, check=True
    )
    assert done.stdout == page[place + 1].text


@pytest.mark.parametrize("name", list(formats()))
def test_two_rows_of_every_format(name: str) -> None:
    file = ROWS / f"{name}.jsonl"
    for asked in (name, "auto"):
        read = read_rows(str(file), base=ROOT, format=asked, options=FormatOptions())
        assert (read.format, len(read.rows)) == (name, 2)
        assert not read.problems


def test_recipe_examples_load(tmp_path: Path) -> None:
    first, profile = [
        block.text for block in blocks(ROOT / "docs" / "recipes.md") if block.language == "toml"
    ]
    (tmp_path / "recipe.toml").write_text(f"{first}\n{profile}", encoding="utf-8")
    (tmp_path / "rows.jsonl").write_bytes((ROWS / "prompt_completion.jsonl").read_bytes())
    assert load_recipe(tmp_path / "recipe.toml").recipe.data.split.test == 0.1
    assert load_recipe(tmp_path / "recipe.toml", profile="quick").recipe.train.max_steps == 20


def test_the_judge_of_the_page_is_one(tmp_path: Path) -> None:
    (block,) = [b for b in blocks(ROOT / "docs" / "judging.md") if b.file == "judge.toml"]
    start = 'name = "x"\n[model]\nid = "m"\n[data]\ntrain = "rows.jsonl"\n'
    (tmp_path / "recipe.toml").write_text(start + block.text, encoding="utf-8")
    judge = load_recipe(tmp_path / "recipe.toml").recipe.evaluation.judge
    assert None not in (judge.endpoint, judge.model, judge.rubric, judge.api_key_env)


def test_the_plugin_of_the_author_guide(tmp_path: Path) -> None:
    """Its files as the page shows them, installed as pip would, and its commands."""
    page = blocks(ROOT / "docs" / "plugins.md")
    for block in page:
        if block.file:
            (tmp_path / block.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    source = tmp_path / "ft-quiz" / "src"
    metadata = source / "ft_quiz-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ft-quiz\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[ft]\nquiz = ft_quiz.plugin\n")
    env = {**os.environ, "PYTHONPATH": str(source), "FT_CACHE": str(tmp_path / "cache")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    (block,) = [block for block in page if block.mark == "plugin"]
    done = subprocess.run(
        ["bash", "-e", "-c", block.text], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "quiz (ft-quiz 0.1.0)" in done.stdout
    assert "quiz.toml is valid" in done.stdout
    assert "rows 3" in done.stdout


def test_every_command_but_completion_prints_json() -> None:
    """As docs/index.md says."""
    from ftcore.cli.app import app

    def walk(group: click.Group) -> Iterator[click.Command]:
        for name in group.list_commands(click.Context(group)):
            found = group.get_command(click.Context(group), name)
            assert found is not None
            yield from walk(found) if isinstance(found, click.Group) else [found]

    without = [c.name for c in walk(app) if not any("--json" in p.opts for p in c.params)]
    assert without == ["completion"]


def test_the_names_of_results_exist() -> None:
    """The table of docs/notebooks.md: every public field and method, and no other."""
    text = (ROOT / "docs" / "notebooks.md").read_text("utf-8").partition("## Results")[2]
    named = re.findall(r"^\| `(\w+)(?:\(\))?` \|", text, re.M)
    public = {f.name for f in fields(ftcore.RunResult)} | set(vars(ftcore.RunResult))
    assert set(named) == {name for name in public if not name.startswith("_") and name != "of"}
