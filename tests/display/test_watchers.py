from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from ftcore.display.facts import Facts, text_grid
from ftcore.display.live import LiveWatcher
from ftcore.display.notebook import NotebookWatcher, in_notebook
from ftcore.display.terminal import print_shown
from ftcore.display.watcher import PluginWatcher, Several, Watcher
from ftcore.engine.observer import Observer
from ftcore.report.grid import Cell, Column, Grid


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)


def test_facts():
    facts = Facts.of((("a", 1), ("long name", "x < y")), "title")
    assert facts.to_text() == "title\na          1\nlong name  x < y"
    assert "x &lt; y" in facts.to_html()
    console = terminal()
    print_shown(console, Facts.of((("a", "[bold]no markup[/bold]"),)))
    assert "[bold]no markup[/bold]" in console.file.getvalue()


def test_grids_on_a_terminal():
    console = terminal()
    print_shown(console, text_grid(("Name", "Text"), [("[red]", None)]))
    cell = Cell("0.5", "0.4 to 0.6", "higher", "good")
    print_shown(console, Grid((Column("Value"),), ((cell,),), strong=0))
    text = console.file.getvalue()
    assert "[red]" in text
    assert "0.5 (0.4 to 0.6) higher" in text


def test_live_display(event):
    console = terminal()
    shown: list[Facts] = []
    with LiveWatcher(console, shown.append) as watcher:
        watcher.phase("environment")
        watcher.notice("environment [toy]: reused")
        watcher.started("/runs/a")
        watcher.phase("work")
        watcher.event(event("started", 0.0))
        watcher.event(event("progress", 1.0, done=1, total=4, unit="steps"))
        watcher.event(event("progress", 2.0, done=2, total=4, unit="steps"))
        watcher.event(event("metric", 2.0, step=2, loss=0.5))
        watcher.event(event("warning", 2.0, message="odd"))
        watcher.event(event("finished", 4.0))
        watcher.scored({})
    text = console.file.getvalue()
    for line in (
        "environment [toy]: reused",
        "run directory: /runs/a",
        "warning: odd",
        "training: done in 4 s, loss 0.5000",
    ):
        assert line in text


def test_live_display_ends_with_an_error():
    watcher = LiveWatcher(terminal(), lambda facts: None)

    def fail() -> None:
        with watcher:
            watcher.phase("prepare")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it is ours
        fail()
    assert not watcher._progress.live.is_started


class Shell:
    """What IPython's display gives, kept."""

    def __init__(self) -> None:
        self.outputs: list[str] = []

    def display(self, content: str, display_id: bool = False) -> Shell:
        self.outputs.append(content)
        return self

    def update(self, content: str) -> None:
        self.outputs[-1] = content


def test_notebook_display(event, monkeypatch):
    shell = Shell()
    monkeypatch.setattr("IPython.display.display", shell.display)
    monkeypatch.setattr("IPython.display.HTML", str)
    watcher = NotebookWatcher()
    watcher.phase("prepare")
    watcher.notice("model <x>: reused")
    watcher.event(event("started", 0.0))
    watcher.event(event("progress", 1.0, done=1, total=4, unit="steps"))
    watcher.event(event("finished", 3.0))
    watcher.scored({})
    (output,) = shell.outputs
    assert "model &lt;x&gt;: reused" in output
    assert '<progress value="1" max="1">' in output
    assert "training" in output
    assert not in_notebook()


class Held(Watcher):
    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    def __enter__(self) -> Held:
        self.log.append(f"+{self.name}")
        return self

    def __exit__(self, *error: object) -> None:
        self.log.append(f"-{self.name}")

    def notice(self, text: str) -> None:
        self.log.append(f"{self.name} {text}")


def test_several_watch_as_one():
    log: list[str] = []
    with Several([Held(log, "a"), Observer(), Several([Held(log, "b")])]) as watcher:
        watcher.notice("x")
    assert log == ["+a", "+b", "a x", "b x", "-b", "-a"]


def test_several_pass_everything_on():
    names = [name for name in vars(Observer) if not name.startswith("_")]
    assert all(name in vars(Several) for name in names)


def test_plugins_hear_events(event):
    heard: list[object] = []

    class Plugins:
        def run_event(self, run: Path, what: object) -> None:
            heard.append((run, what))

    watcher = PluginWatcher(Plugins())
    first = event("heartbeat", 1.0)
    watcher.event(first)  # before there is a run
    watcher.started("/runs/a")
    watcher.event(first)
    assert heard == [(Path("/runs/a"), first)]
