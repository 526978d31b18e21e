"""Every command in the README and on the pages: run, or marked with the reason why not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import (
    NOT_RUN,
    PAGES,
    READMES,
    ROOT,
    SHELLS,
    blocks,
    commands,
    copy_tree,
    environment,
    run,
)

LIGHT = [page for page in PAGES if any(block.mark == "" for block in commands(page))]
HEAVY = [
    page
    for page in PAGES
    if page not in READMES and any(block.mark == "heavy" for block in commands(page))
]


def test_every_command_has_a_known_mark() -> None:
    found = [block for page in PAGES for block in commands(page)]
    assert len(found) > 15
    for block in found:
        known = block.mark in ("", "heavy", "plugin") or len(block.mark) > len(NOT_RUN) + 10
        assert known, f"{block}: {block.mark!r}"
        assert block.mark in ("", "heavy", "plugin") or block.mark.startswith(NOT_RUN), block


def test_no_block_is_missed() -> None:
    """Every fence belongs to a block, so that no command escapes for its form."""
    for page in PAGES:
        fences = sum(line.lstrip().startswith("```") for line in page.read_text().split("\n"))
        assert fences == 2 * len(blocks(page)), page


def test_both_readmes_have_the_same_commands() -> None:
    english, chinese = (
        [(block.language, block.mark, block.text) for block in blocks(page)] for page in READMES
    )
    assert english == chinese


def test_continuous_integration_runs_the_second_command() -> None:
    second = commands(READMES[0])[1].text.strip()
    assert second in (ROOT / ".ci" / "run").read_text().replace(" --quiet", "")


@pytest.mark.parametrize("page", LIGHT, ids=lambda page: page.name)
def test_light_commands(page: Path, tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "clone")
    cache = tmp_path / "cache"
    here = Path(sys.executable).parent
    env = environment(here, FT_CACHE=str(cache), UV_OFFLINE="1", HF_HUB_OFFLINE="1")
    for block in commands(page):
        if block.mark == "":
            run(block, tree, env)
    assert not list(cache.glob("models/*")), "a light command fetched the model: mark it heavy"


@pytest.mark.heavy
@pytest.mark.parametrize("page", HEAVY, ids=lambda page: page.name)
def test_heavy_commands(page: Path, tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "clone")
    env = environment(Path(sys.executable).parent)
    for block in commands(page):
        if block.mark in ("", "heavy"):
            run(block, tree, env)


@pytest.mark.heavy
def test_readme_from_a_fresh_clone(tmp_path: Path) -> None:
    """The README's commands in order, on a Python that has pip and nothing else.

    The first is the `ner` recipe at full size: it must learn, and leave its report.
    """
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", str(tmp_path / "machine")], check=True)
    tree = copy_tree(tmp_path / "clone")
    env = environment(tmp_path / "machine" / "bin", tree / ".venv" / "bin")
    main, *others = [block for block in commands(READMES[0]) if block.runs]
    assert "ft run recipes/ner.toml --backend trl" in main.text
    said = run(main, tree, env)
    plan = next(block for block in blocks(READMES[0]) if block.language == "text")
    missing = set(plan.text.splitlines()) - set(said.splitlines())
    assert not missing, "the README shows another plan"
    check_run(tree / "runs")
    for block in others:
        run(block, tree, env)


def check_run(runs: Path) -> None:
    """Check the one run: finished, every receipt equal, better than before, reported."""
    (folder,) = runs.iterdir()
    read = {
        n: json.loads((folder / f"{n}.json").read_text()) for n in ("run", "receipts", "metrics")
    }
    assert read["run"]["state"] == "finished"
    assert read["receipts"]["equal"]
    assert read["receipts"]["micro_batches"] == read["receipts"]["planned"]
    main = read["metrics"]["main"]
    assert main["metric"] == "entity_f1"
    assert main["differences"]["before"]["low"] > 0
    for name in ("report.md", "report.html", "predictions/rows.jsonl", "exports/merged"):
        assert (folder / name).exists(), name


def test_shells_are_spelt_as_known() -> None:
    """A new name for a shell would leave its blocks untested."""
    known = {*SHELLS, "python", "text", "toml", "json"}
    assert {block.language for page in PAGES for block in blocks(page)} <= known
