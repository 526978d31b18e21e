"""Output of the commands: grids, facts and lines on stdout, or one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ftcore.display.facts import Facts
    from ftcore.engine.observer import Observer
    from ftcore.report.grid import Grid


def show_json(data: Any) -> None:
    """Print the one JSON document of a command; non-finite numbers are null."""
    from ftcore.protocol import finite, plain

    text = json.dumps(finite(data), ensure_ascii=False, indent=2, allow_nan=False, default=plain)
    click.echo(text)


def show(shown: Grid | Facts) -> None:
    """Print a grid or facts: drawn on a terminal, aligned lines elsewhere."""
    if not sys.stdout.isatty():
        click.echo(shown.to_text())
        return
    from rich.console import Console

    from ftcore.display.terminal import print_shown

    print_shown(Console(), shown)


def show_lines(lines: Iterable[object]) -> None:
    """Print lines."""
    for line in lines:
        click.echo(str(line))


def progress_line(text: str) -> None:
    """Print one line of progress; it goes to stderr, so that stdout holds results only."""
    click.echo(text, err=True)


def notify(*, quiet: bool = False) -> Callable[[str], None]:
    """Return who hears notices of commands without a progress display."""
    return (lambda text: None) if quiet else progress_line


def observer(*, as_json: bool, quiet: bool) -> Observer:
    """Return who watches a run: a live display, plain lines, JSON lines, or nobody."""
    from ftcore.display.plain import JsonLinesWatcher, PlainWatcher
    from ftcore.engine.observer import Observer

    if quiet:
        return Observer()
    if as_json:
        return JsonLinesWatcher(progress_line)
    if not sys.stderr.isatty():
        return PlainWatcher(progress_line, click.echo)
    from rich.console import Console

    from ftcore.display.live import LiveWatcher

    return LiveWatcher(Console(stderr=True), show)
