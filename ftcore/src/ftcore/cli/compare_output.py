"""What `ft compare` prints: the runs it needs, the tables, the sentence, where the report is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ftcore import face_compare
from ftcore.cli import output
from ftcore.comparison_result import ComparisonResult
from ftcore.display.parity import certificate_lines
from ftcore.engine.observer import Observer
from ftcore.errors import BackendFailed, Problem


def show_plan(
    targets: Sequence[str], given: Mapping[str, Any], watcher: Observer, *, as_json: bool
) -> None:
    """Print the runs that a comparison needs."""
    plan = face_compare.plan_comparison(*targets, **given, progress=watcher)
    if as_json:
        output.show_json(plan.to_json())
        return
    output.show(plan.grid())
    output.show_lines(["", plan.words()])


def compare_and_show(
    ctx: click.Context,
    targets: Sequence[str],
    given: Mapping[str, Any],
    watcher: Observer,
    *,
    as_json: bool,
) -> None:
    """Compare, then print what came out; `BackendFailed` at the end where a run failed."""
    result = face_compare.compare(*targets, **given, progress=watcher)
    if as_json:
        output.show_json(result.to_json())
        ctx.exit(BackendFailed.exit_code if result.failed else 0)
    output.show(result.grid())
    if len(result.comparison.variants) > 1:
        output.show_lines([""])
        output.show(result.differences())
    output.show_lines([""])
    output.show(result.costs())
    output.show_lines(["", result.verdict, *(f"note: {note}" for note in result.notes)])
    if result.certificate is not None:
        output.show_lines(f"parity: {line}" for line in certificate_lines(result.certificate))
    output.show_lines(["", f"report      {result.report_path}", f"everything  {result.folder}"])
    _end(result)


def _end(result: ComparisonResult) -> None:
    if not result.failed:
        return
    raise BackendFailed(
        f"{len(result.failed)} of {len(result.cells)} runs failed",
        problems=[
            Problem(f"{cell.variant}, seed {cell.seed}: {cell.error}", file=cell.run)
            for cell in result.failed
        ],
        hint="the same command tries them again; the others are kept",
        code="compare.cells",
    )
