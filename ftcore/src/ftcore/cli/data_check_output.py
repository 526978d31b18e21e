"""What `ft data check` prints: figures of each part, then warnings; problems end it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ftcore.data.check_report import SHOWN_PROBLEMS, CheckReport, Lengths, ProblemLog
from ftcore.engine.data_check import RecipeCheck
from ftcore.errors import GateFailed
from ftcore.report.numbers import count


def gate(found: RecipeCheck) -> GateFailed | None:
    """Return the error with the first problems, or None when every row can be used."""
    problems, total = found.problems, found.problem_count
    if not total:
        return None
    rest = total - SHOWN_PROBLEMS
    return GateFailed(
        f"{count(total)} problem{'s' if total > 1 else ''} in the rows"
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
    total = found.warning_count
    if total:
        yield ""
        yield f"{count(total)} warning{'s' if total > 1 else ''}"
        for problem in found.warnings[:SHOWN_PROBLEMS]:
            yield f"  - {problem}"
        if total > SHOWN_PROBLEMS:
            yield f"  … and {count(total - SHOWN_PROBLEMS)} more: --all FILE writes all"
    if not found.problem_count:
        yield ""
        yield "every record is a usable row"


@contextmanager
def all_problems(path: Path | None) -> Iterator[IO[str] | None]:
    """Open the file that every problem and warning is written to, one JSON object a line."""
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8", errors="backslashreplace") as sink:
        yield sink


def write_scoring(found: RecipeCheck, sink: IO[str]) -> None:
    """Write what would keep rows from being scored behind the problems of the rows."""
    log = ProblemLog("problem", sink)
    for problem in found.scoring:
        log.add(problem)


def _facts(report: CheckReport) -> Iterator[tuple[str, str]]:
    yield "format", f"{report.format}: {report.why}"
    counts = {name.replace("_", " "): number for name, number in report.counts.items() if number}
    yield "counts", ", ".join(f"{name} {count(number)}" for name, number in counts.items())
    for step in report.shaping:
        yield "shaping", str(step)
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
