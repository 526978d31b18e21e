"""The whole report against golden files; ``FT_UPDATE_GOLDEN=1 pytest tests/report`` renews them."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ftcore.report import write_report
from ftcore.runs.folder import RunFolder

GOLDEN = Path(__file__).parent / "golden"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Collects tags, texts and addresses, and notes tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
            if name == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data


@pytest.mark.parametrize("name", ["finished_run", "interrupted_run", "failed_run"])
def test_markdown_is_the_golden_one(name: str, request: pytest.FixtureRequest) -> None:
    run: RunFolder = request.getfixturevalue(name)
    write_report(run)
    found = run.file("report.md").read_text(encoding="utf-8")
    golden = GOLDEN / f"{name}.md"
    if os.environ.get("FT_UPDATE_GOLDEN"):
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["finished_run", "interrupted_run", "failed_run"])
def test_the_page_is_whole_needs_nothing_else_and_runs_nothing(
    name: str, request: pytest.FixtureRequest
) -> None:
    run: RunFolder = request.getfixturevalue(name)
    text = write_report(run).read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.handlers == []
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"url\((?!#)|@import", text)
    assert len(page.ids) == len(set(page.ids))
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_injections_are_shown_as_text(finished_run: RunFolder) -> None:
    page = Page(write_report(finished_run).read_text(encoding="utf-8"))
    assert "<script>alert(1)</script>" in page.words
    assert "<b>made</b>" in page.words
    assert "b" not in page.tags


def test_the_page_says_what_matters(finished_run: RunFolder) -> None:
    page = Page(write_report(finished_run).read_text(encoding="utf-8"))
    for words in (
        "higher (+0.628",
        "negative_kind = 手写",
        "training loss, mean of",
        "48 of 48 micro-batches",
        "de-quantised from Q4_K_M",
        "characters left out",
        "--set train.epochs=2",
    ):
        assert words in page.words


def test_sections_without_data_are_left_out(failed_run: RunFolder) -> None:
    page = Page(write_report(failed_run).read_text(encoding="utf-8"))
    for title in ("Metrics", "Curves", "Predictions side by side", "The guarantee"):
        assert title not in page.words
    assert "The run failed" in page.words
    assert not failed_run.file("plots/loss.svg").exists()


def test_a_report_can_be_written_again_and_leaves_nothing_behind(finished_run: RunFolder) -> None:
    first = write_report(finished_run).read_bytes()
    before = sorted(path.name for path in finished_run.path.rglob("*"))
    assert write_report(finished_run).read_bytes() == first
    assert sorted(path.name for path in finished_run.path.rglob("*")) == before
    assert finished_run.file("plots/loss.svg").exists()


def test_a_bare_manifest_is_enough(finished_run: RunFolder) -> None:
    for path in sorted(finished_run.path.rglob("*"), reverse=True):
        if path.is_file() and path.name != "run.json":
            path.unlink()
    assert "Everything used" in write_report(finished_run).read_text(encoding="utf-8")
