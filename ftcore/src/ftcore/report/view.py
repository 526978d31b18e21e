"""What both templates are given: the collected data as texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ftcore.report import numbers
from ftcore.report.collect import ReportData
from ftcore.report.error_view import error_view
from ftcore.report.examples import WORDS, Examples, ShownExample
from ftcore.report.gates import gates_grid
from ftcore.report.grid import Cell
from ftcore.report.panels import ExampleView, Panel
from ftcore.report.summary import commands, guarantee_checks, training_lines
from ftcore.report.tables import STAGE_TITLES, difference_cell, score_cell
from ftcore.report.used import used_groups
from ftcore.report.verdict import ending, verdict


@dataclass(frozen=True, slots=True)
class Tile:
    """A large figure at the top of the page."""

    title: str
    cell: Cell


def context(data: ReportData) -> dict[str, Any]:
    """Return the names that the templates use."""
    return {
        "data": data,
        "run": data.manifest,
        "facts": headline_facts(data),
        "verdict": verdict(data),
        "ending": ending(data),
        "tiles": tiles(data),
        "examples": example_views(data.examples),
        "choice": choice(data),
        "gates": gates_grid(data.gates) if data.gates else None,
        "errors": error_view(data.errors) if data.errors else None,
        "training": training_lines(data),
        "training_title": "Training" if data.times else "Training, as planned",
        "checks": guarantee_checks(data.guarantee),
        "groups": used_groups(data),
        "commands": commands(data),
    }


def headline_facts(data: ReportData) -> tuple[str, ...]:
    """Return what the line below the title says."""
    run = data.manifest
    found = [f"backend {run.backend}", run.model, f"seed {run.seed}"]
    if run.profile:
        found.insert(0, f"profile {run.profile}")
    if data.plan:
        found.append(f"on {data.plan['device']}")
    found.append(numbers.moment(run.created))
    if run.finished is not None:
        found.append(numbers.duration(run.finished - run.created))
    return tuple(found)


def tiles(data: ReportData) -> tuple[Tile, ...]:
    """Return the main metric in each stage, and the first paired difference."""
    main = data.main
    if main is None:
        return ()
    found = [
        Tile(title, score_cell(main.scores[stage]))
        for stage, title in STAGE_TITLES.items()
        if stage in main.scores
    ]
    for stage in ("before", "few_shot"):
        if stage in main.differences:
            title = f"After − {STAGE_TITLES[stage].lower()}"
            return (*found, Tile(title, difference_cell(main.differences[stage])))
    return tuple(found)


def example_views(examples: Examples | None) -> tuple[ExampleView, ...]:
    """Return the chosen examples as texts."""
    return tuple(map(_example, examples.shown)) if examples else ()


def choice(data: ReportData) -> str:
    """Say how the examples were chosen."""
    examples = data.examples
    if examples is None or data.metrics is None:
        return ""
    shown, total = len(examples.shown), numbers.plural(examples.total, "test row")
    counts = ", ".join(f"{number:,} {WORDS[name]}" for name, number in examples.counts.items())
    everything = shown == examples.total
    if examples.baseline is None:
        return f"All {total}." if everything else f"{shown} of {total}, evenly spaced in the file."
    by = f"{data.metrics[data.metrics.main].title} on the row alone"
    if examples.undefined:
        rows = numbers.plural(examples.undefined, "row")
        by += f" ({rows} where that is undefined: by whether the answer equals the reference)"
    by += f", after against {STAGE_TITLES[examples.baseline].lower()}"
    if everything:
        return f"All {total}, each judged by {by}: {counts}."
    return (
        f"{shown} of {total}, chosen by a rule and not by hand: rows are grouped by {by}; each "
        "group has a share in proportion to its size, at least one row, evenly spaced in the "
        f"file. All rows: {counts}."
    )


def _example(example: ShownExample) -> ExampleView:
    asked = "Question" if example.turns <= 1 else f"Last of {example.turns} user turns"
    answers = [Panel("Reference", example.reference)]
    answers += [
        Panel(title, example.answers[stage])
        for stage, title in STAGE_TITLES.items()
        if stage in example.answers
    ]
    return ExampleView(
        title=f"Test row {example.number:,}",
        source=example.source,
        words=WORDS[example.outcome] if example.outcome else "",
        tone={"better": "good", "worse": "bad"}.get(example.outcome or "", "even"),
        score=_score(example),
        question=Panel(asked, example.question),
        answers=tuple(answers),
    )


def _score(example: ShownExample) -> str:
    if example.equal:
        return " → ".join("right" if equal else "wrong" for equal in example.equal.values())
    stages = [stage for stage in STAGE_TITLES if stage in example.scores]
    ends = dict.fromkeys([stages[0], stages[-1]]) if stages else {}
    return " → ".join(numbers.metric(example.scores[stage]) for stage in ends)
