"""What both templates of a comparison are given: its data as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftcore._version import __version__
from ftcore.report import numbers
from ftcore.report.compare_curves import curves_words
from ftcore.report.compare_data import ComparedVariant, Comparison
from ftcore.report.compare_tables import costs_grid, metrics_grid, pairs_grid, rows_grid
from ftcore.report.compare_words import notes, spread_words, verdict
from ftcore.report.grid import Cell, Column, Grid
from ftcore.report.panels import ExampleView, Panel
from ftcore.report.summary import Group, Line

SHOWN_ROWS = 10
LONGEST_HEADING = 60
# The packages that tell engines apart; each run's `result.json` has all of them.
ENGINE_PACKAGES = ("torch", "transformers", "peft", "trl", "swift", "ms-swift", "llamafactory")
LEVEL_WORDS = {
    "identical": ("same bits", "good"),
    "holds": ("holds", "good"),
    "breaks": ("breaks", "bad"),
    "not_measured": ("not measured", "even"),
}


def context(comparison: Comparison) -> dict[str, Any]:
    """Return the names that the templates use."""
    certificate = comparison.certificate
    return {
        "title": heading(comparison),
        "facts": tuple(facts(comparison)),
        "verdict": verdict(comparison),
        "spread": spread_words(comparison),
        "metrics": metrics_grid(comparison),
        "about": comparison.about,
        "pairs": pairs_grid(comparison, main=True) if len(comparison.variants) > 1 else None,
        "others": _others(comparison),
        "costs": costs_grid(comparison),
        "curves": curves_words(comparison.variants),
        "certificate": certificate,
        "levels": levels_grid(certificate.levels) if certificate else None,
        "findings": [finding.in_words() for finding in certificate.findings] if certificate else (),
        "rows": rows_grid(comparison),
        "rows_words": rows_words(comparison),
        "examples": tuple(examples(comparison)),
        "notes": tuple(notes(comparison)),
        "settings": settings_grid(comparison),
        "groups": tuple(used_groups(comparison)),
        "price": comparison.price,
        "several": any(len(variant.runs) > 1 for variant in comparison.variants),
    }


def _others(comparison: Comparison) -> Grid | None:
    more = len(comparison.metrics) > 1 and len(comparison.variants) > 1
    return pairs_grid(comparison, main=False) if more else None


def heading(comparison: Comparison) -> str:
    """Return the title of the report."""
    names = ", ".join(variant.name for variant in comparison.variants)
    if len(names) > LONGEST_HEADING:
        names = numbers.plural(len(comparison.variants), "variant")
    return f"{comparison.title}: {names}"


def facts(comparison: Comparison) -> Iterator[str]:
    """Yield what the line below the title says."""
    runs = list(comparison.runs())
    variants = numbers.plural(len(comparison.variants), "variant")
    yield f"{variants}, {numbers.plural(len(runs), 'run')}"
    seeds = sorted({run.manifest.seed for run in runs})
    yield f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    for name in ("recipe", "model"):
        shared = comparison.shared(name)
        if shared and shared != comparison.title:
            yield shared
    backend = comparison.shared("backend")
    if backend:
        yield f"backend {backend}"
    devices = {str(run.plan.get("device")) for run in runs}
    if len(devices) == 1:
        yield f"on {devices.pop()}"
    yield numbers.moment(comparison.created)
    yield f"ft {__version__}"


def levels_grid(levels: Sequence[Any]) -> Grid:
    """Return the levels of a parity certificate with their verdicts."""
    columns = tuple(Column(name, number=False) for name in ("Level", "Verdict", "Finding"))
    rows = []
    for level in levels:
        words, tone = LEVEL_WORDS[level.verdict]
        shown = Cell("", words=words, tone=tone)  # type: ignore[arg-type]
        rows.append((Cell(f"{level.name} {level.title}"), shown, Cell(level.sentence)))
    return Grid(columns, tuple(rows))


def settings_grid(comparison: Comparison) -> Grid | None:
    """Return what sets the variants apart; None where it is the backend alone."""
    names = list(dict.fromkeys(name for v in comparison.variants for name in v.settings))
    if not names or (names == ["backend"]):
        return None
    columns = (Column("Variant", number=False), *(Column(name, number=False) for name in names))
    rows = [
        (Cell(variant.name), *(Cell(variant.settings.get(name, "")) for name in names))
        for variant in comparison.variants
    ]
    return Grid(columns, tuple(rows))


def rows_words(comparison: Comparison) -> str:
    """Say on how many rows the variants differ, and which of them are shown."""
    found = comparison.disagreements
    if not found.total:
        return ""
    rows = numbers.plural(found.total, "test row")
    if not found.rows:
        return f"All variants come to the same on all {rows}."
    title = comparison.about[comparison.main]["title"]
    how = "one variant is right where another is wrong"
    if not found.judged:
        how = f"{title} on the row alone differs between variants"
    elif any(len(variant.runs) > 1 for variant in comparison.variants):
        how = "the variants are not right in the same share of their seeds"
    text = f"On {numbers.count(len(found.rows))} of {rows} {how}."
    if len(found.rows) > SHOWN_ROWS:
        text += f" Shown are the {SHOWN_ROWS} that differ most; comparison.json has all."
    return text


def examples(comparison: Comparison) -> Iterator[ExampleView]:
    """Yield the rows that differ most, with the answers of each variant's first seed."""
    chosen = comparison.disagreements.rows[:SHOWN_ROWS]
    answered = [(variant, variant.runs[0].rows()) for variant in comparison.variants]
    places = {row_id: place for place, row_id in enumerate(answered[0][1])}
    for row in chosen:
        line = answered[0][1].get(row.row_id)
        if line is None:
            continue
        answers = [Panel("Reference", line["reference"])]
        for variant, rows in answered:
            title = f"{variant.name}: {_share(comparison, variant, row.shares[variant.name])}"
            answers.append(Panel(title, rows.get(row.row_id, {}).get("answers", {}).get("after")))
        asked = [turn["content"] for turn in line["prompt"] if turn["role"] == "user"]
        yield ExampleView(
            title=f"Test row {places[row.row_id] + 1:,}",
            source=line["source"],
            words="",
            tone="even",
            score="",
            question=Panel("Question", asked[-1] if asked else ""),
            answers=tuple(answers),
        )


def _share(comparison: Comparison, variant: ComparedVariant, share: float) -> str:
    seeds = len(variant.runs)
    if not comparison.disagreements.judged:
        return numbers.metric(share)
    if seeds == 1:
        return "right" if share else "wrong"
    return f"right in {round(share * seeds)} of {seeds} seeds"


def used_groups(comparison: Comparison) -> Iterator[Group]:
    """Yield what was used, by subject."""
    first = next(comparison.runs())
    yield Group("Method", tuple(_method(comparison)))
    yield Group("Data and model", tuple(_data(comparison)))
    for variant in comparison.variants:
        run = variant.runs[0]
        lines = [Line("Backend", f"{run.manifest.backend}, plugin {_plugin(run.environment)}")]
        if run.versions != first.versions or run is first:
            versions = [f"{n} {v}" for n, v in run.versions.items() if n in ENGINE_PACKAGES]
            lines.append(Line("Versions", ", ".join(versions) or "not known", code=True))
        keys = ("key", "code")
        known = [str(run.environment[key]) for key in keys if run.environment.get(key)]
        lines.append(Line("Environment, ft's code", ", ".join(known) or "not known", code=True))
        for one in variant.runs:
            lines.append(Line(f"Run, seed {one.manifest.seed}", str(one.path), code=True))
        yield Group(variant.name, tuple(lines))


def _plugin(environment: Mapping[str, Any]) -> str:
    return str(environment.get("plugin_version", "not known"))


def _method(comparison: Comparison) -> Iterator[Line]:
    yield Line("Intervals and p-values", "95%; see docs/compare.md, docs/statistics.md")
    if any(pair.scope == "seeds" for pair in comparison.pairs):
        yield Line(
            "Several seeds",
            "t-test over the seeds' scores (Welch), within seeds where both sides have the same; "
            "the variance includes the test rows (two-way clustering)",
        )
    if any(pair.scope == "rows" for pair in comparison.pairs):
        yield Line("One run each", "paired by test row: McNemar's mid-p, or paired bootstrap")
    yield Line("Many pairs", "Holm over the pairs of the main metric; over all others together")
    yield Line("Test rows", numbers.count(comparison.disagreements.total))


def _data(comparison: Comparison) -> Iterator[Line]:
    runs = list(comparison.runs())
    for label, found in (
        ("Stream hash", [str(run.plan.get("stream")) for run in runs]),
        ("Model", [str(run.plan.get("model", {}).get("id")) for run in runs]),
        ("Model fingerprint", [str(run.plan.get("model", {}).get("fingerprint")) for run in runs]),
        ("Recipe", [str(run.fields.get("recipe")) for run in runs]),
    ):
        for value in dict.fromkeys(found):
            of = "" if len(set(found)) == 1 else f" ({_whose(comparison, label, value)})"
            yield Line(label + of, value, code=True)


def _whose(comparison: Comparison, label: str, value: str) -> str:
    def has(variant: ComparedVariant) -> bool:
        plan, fields = variant.runs[0].plan, variant.runs[0].fields
        model = plan.get("model", {})
        return (
            value
            in {
                "Stream hash": (str(plan.get("stream")),),
                "Model": (str(model.get("id")),),
                "Model fingerprint": (str(model.get("fingerprint")),),
                "Recipe": (str(fields.get("recipe")),),
            }[label]
        )

    names = [variant.name for variant in comparison.variants if has(variant)]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
