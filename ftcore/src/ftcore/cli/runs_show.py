"""`ft runs show`: how a run stands, what came out, and where it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftcore.cli import options

if TYPE_CHECKING:
    from ftcore.runs.folder import RunFolder

FILES = ("report.html", "report.md", "adapter", "exports", "predictions/rows.jsonl", "worker.log")


@click.command("show")
@options.run_argument
@options.runs_option
@options.json_option
def command(run: str, runs: Path | None, as_json: bool) -> None:
    """Show how a run stands and what came out.

    RUN is a run's id, the beginning of it, `last`, or its folder.
    """
    from ftcore.cli import output
    from ftcore.display.facts import Facts
    from ftcore.report import MetricTable
    from ftcore.runs.listing import find_run, runs_root

    found = find_run(run, runs_root(runs))
    metrics = found.read_json("metrics.json")
    if as_json:
        output.show_json(_data(found, metrics))
        return
    output.show(Facts.of(_facts(found), found.path.name))
    if metrics and metrics["stages"]:
        output.show(MetricTable.from_metrics(metrics).grid())


def _data(run: RunFolder, metrics: dict[str, Any] | None) -> dict[str, Any]:
    kept = {name: part for name, part in (metrics or {}).items() if name != "scores"}
    return {
        **asdict(run.manifest()),
        "folder": str(run.path),
        "progress": _progress(run),
        "plan": run.read_json("plan.json"),
        "metrics": kept or None,
        "files": {name: str(run.file(name)) for name in FILES if run.file(name).exists()},
    }


def _progress(run: RunFolder) -> dict[str, Any] | None:
    """Return the last report of the training: steps done and planned."""
    done = [
        event["data"]
        for event in run.read_lines("events.jsonl")
        if event["stage"] == "train" and event["type"] == "progress"
    ]
    return done[-1] if done else None


def _facts(run: RunFolder) -> Iterator[tuple[str, str]]:
    from ftcore.report.numbers import duration, moment

    manifest = run.manifest()
    stage = f", in stage {manifest.stage}" if manifest.stage else ""
    yield "state", f"{manifest.state}{stage}"
    profile = f", profile {manifest.profile}" if manifest.profile else ""
    yield "recipe", f"{manifest.recipe}{profile}, seed {manifest.seed}"
    yield "backend", manifest.backend
    yield "model", manifest.model
    yield "begun", moment(manifest.created)
    if manifest.finished:
        yield "took", duration(manifest.finished - manifest.created)
    if manifest.resumed:
        steps = ", ".join(str(entry["from_step"]) for entry in manifest.resumed)
        yield "resumed", f"after step {steps}"
    progress = _progress(run)
    if progress:
        yield "trained", f"{progress['done']} of {progress['total']} steps"
    receipts = run.read_json("receipts.json")
    if receipts:
        seen, planned = receipts["micro_batches"], receipts["planned"]
        yield "receipts", f"{seen} of {planned} micro-batches, all equal to the stream's"
    if manifest.error:
        yield "error", str(manifest.error.get("message"))
    for name in FILES:
        if run.file(name).exists():
            yield name.split("/")[0], str(run.file(name))
