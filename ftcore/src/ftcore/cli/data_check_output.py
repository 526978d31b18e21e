"""What `ft data check` prints: figures of each part, then warnings; problems end it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ftcore.data.checks import SHOWN_PROBLEMS, CheckReport, Lengths
from ftcore.engine.data_check import RecipeCheck
from ftcore.errors import GateFailed
from ftcore.report.numbers import count


def gate(found: RecipeCheck) -> GateFailed | None:
    """Return the error with the first problems, or None when every row can be used."""
    problems = found.problems
    if not problems:
        return None
    rest = len(problems) - SHOWN_PROBLEMS
    return GateFailed(
        f"{count(len(problems))} problem{'s' if len(problems) > 1 else ''} in the rows"
        + (f", the first {SHOWN_PROBLEMS} are shown" if rest > 0 else ""),
        hint="--all FILE writes all of them" if rest > 0 else None,
        code="data.check",
        problems=problems[:SHOWN_PROBLEMS],
    )


def lines(found: RecipeCheck) -> Iterator[str]:
    """Yield the figures of each part and the first warnings."""
    for name, report in found.parts.items():
        yield f"{name}"
        for what, text in _facts(report):
            yield f"  {what:<12} {text}"
    warnings = found.warnings
    if warnings:
        yield ""
        yield f"{count(len(warnings))} warning{'s' if len(warnings) > 1 else ''}"
        for problem in warnings[:SHOWN_PROBLEMS]:
            yield f"  - {problem}"
        if len(warnings) > SHOWN_PROBLEMS:
            yield f"  … and {count(len(warnings) - SHOWN_PROBLEMS)} more: --all FILE writes all"
    if not found.problems:
        yield ""
        yield "every record is a usable row"


def write_all(found: RecipeCheck, path: Path) -> None:
    """Write every problem and warning to ``path``, one JSON object a line."""
    levels = {"problem": found.problems, "warning": found.warnings}
    with path.open("w", encoding="utf-8", errors="backslashreplace") as out:
        for level, items in levels.items():
            for item in items:
                out.write(json.dumps({"level": level, **asdict(item)}, ensure_ascii=False) + "\n")


def _facts(report: CheckReport) -> Iterator[tuple[str, str]]:
    yield "format", f"{report.format}: {report.why}"
    counts = {name.replace("_", " "): number for name, number in report.counts.items() if number}
    yield "counts", ", ".join(f"{name} {count(number)}" for name, number in counts.items())
    yield "roles", ", ".join(f"{role} {count(n)}" for role, n in report.roles.items())
    yield "scripts", ", ".join(f"{script} {count(n)}" for script, n in report.scripts.items())
    if report.languages is not None:
        yield "languages", ", ".join(f"{code} {count(n)}" for code, n in report.languages.items())
    yield "characters", _lengths(report.characters)
    if report.tokens is not None:
        yield "tokens", _lengths(report.tokens)
    if report.account is not None:
        for counted in report.account.counts.values():
            text = ", ".join(f"{status} {count(number)}" for status, number in counted.items())
            reasons = ", ".join(f"{why} {count(n)}" for why, n in report.account.reasons.items())
            yield "rows", f"{text} ({reasons})" if reasons else text


def _lengths(lengths: Lengths) -> str:
    return (
        f"{count(lengths.smallest)} to {count(lengths.largest)}, median {lengths.median:g}, "
        f"95% up to {lengths.p95:g}, together {count(lengths.total)}"
    )
