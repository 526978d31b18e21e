"""Gates: figures that must hold, else the command fails with exit code 7.

Two kinds: a bound on a metric (``entity_f1>=0.8``), and not being worse than an earlier run on the
same rows, by the paired difference.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ftcore.errors import InputError
from ftcore.evaluation.metric import get_metric
from ftcore.evaluation.score import Scores, compare

MAIN = "main"
ROUNDING = 1e-9  # ends of intervals are computed, so that equal answers leave a trace of rounding
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": math.isclose,
    ">": operator.gt,
    "<": operator.lt,
}
Part = Literal["value", "lower", "upper"]
_PARTS: dict[Part, str] = {"value": "value", "lower": "low", "upper": "high"}
_FORM = re.compile(
    r"\s*(?P<metric>[\w.-]+)\s*(?::\s*(?P<part>\w+))?\s*(?P<sign>>=|<=|==|>|<)\s*(?P<bound>[^\s=<>]+)\s*"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A bound on a metric's value after training, or on an end of its 95% interval.

    ``metric`` may be "main": the deciding metric on the deciding slice.
    """

    metric: str
    part: Part
    sign: str
    bound: float

    def __str__(self) -> str:
        part = "" if self.part == "value" else f":{self.part}"
        return f"{self.metric}{part}{self.sign}{self.bound:g}"


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate: what was found, the bound that it was held against, and whether it holds.

    ``value`` is None where the metric is undefined, which no bound accepts; ``words`` says the
    same for people. ``difference`` holds the paired difference of a comparison with a run, with
    its interval.
    """

    gate: str
    metric: str
    value: float | None
    bound: float
    held: bool
    words: str
    difference: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self)


def parse_requirement(text: str) -> Requirement:
    """Read ``METRIC[:lower|:upper] OP NUMBER``; InputError says what is wrong with it."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise _malformed(text, "expected METRIC, one of " + " ".join(OPERATORS) + ", and a number")
    part = found["part"] or "value"
    if part not in _PARTS:
        raise _malformed(text, f"after the colon comes lower or upper, not {part!r}")
    try:
        bound = float(found["bound"])
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise _malformed(text, f"{found['bound']!r} is no number")
    return Requirement(found["metric"], part, found["sign"], bound)


def require_known(requirements: Iterable[Requirement], metrics: Sequence[str]) -> None:
    """Refuse a metric that the recipe does not compute; InputError names those that it does."""
    for requirement in requirements:
        if requirement.metric != MAIN and requirement.metric not in metrics:
            raise InputError(
                f"--require {requirement}: the recipe does not compute {requirement.metric!r}",
                hint=f"there are: {', '.join(metrics)}, and {MAIN} (the metric that decides, on "
                "the slice that decides)",
                code="gate.unknown-metric",
                details={"metric": requirement.metric, "known": [*metrics, MAIN]},
            )


def check_requirement(
    requirement: Requirement, metrics: Mapping[str, Any], stage: str = "after"
) -> GateResult:
    """Hold a bound against the data of ``metrics.json``."""
    if requirement.metric == MAIN:
        name, scores = metrics["main"]["metric"], metrics["main"]["stages"]
        score = scores.get(stage)
    else:
        name, score = requirement.metric, metrics["stages"].get(stage, {}).get(requirement.metric)
    value = None if score is None else score[_PARTS[requirement.part]]
    held = value is not None and OPERATORS[requirement.sign](value, requirement.bound)
    words = "undefined" if value is None else f"{value:.4g}"
    return GateResult(str(requirement), name, value, requirement.bound, held, words)


def check_no_worse(
    reference: Scores,
    scores: Scores,
    metric: str,
    *,
    run: str,
    margin: float | None,
    rows: Iterable[str] | None = None,
) -> GateResult:
    """Hold a metric against an earlier run's on the same rows (``rows``: only on those).

    Without a ``margin`` the gate fails where the metric is significantly worse. With one it fails
    unless the whole 95% interval of the paired difference lies above ``-margin``, in the direction
    in which the metric gets worse: a test of non-inferiority (Piaggio et al. 2012). Raises
    DataError where the two were not scored on the same rows.
    """
    sides = [
        Scores({metric: side.metrics[metric]}, scores.seed, scores.resamples)
        for side in (reference, scores)
    ]
    if rows is not None:
        wanted = set(rows)
        sides = [side.subset(wanted) for side in sides]
    found = compare(*sides, seed=scores.seed, resamples=scores.resamples)[metric]
    # Seen so that up is better.
    sign = 1 if get_metric(metric).higher_is_better else -1
    worst = found.low if sign > 0 else -found.high
    held = math.isfinite(found.difference) and found.better is not False
    if margin is not None:
        held = math.isfinite(worst) and worst >= -margin - ROUNDING
    gate = f"{metric} no worse than {run}" + (f" by {margin:g}" if margin is not None else "")
    difference = {
        key: _number(getattr(found, key))
        for key in ("before", "after", "difference", "low", "high")
    }
    return GateResult(
        gate=gate,
        metric=metric,
        value=_number(found.difference),
        bound=-sign * (margin or 0.0) + 0.0,
        held=held,
        words=f"{found.difference:+.4g} ({found.low:+.4g} to {found.high:+.4g}), {found.words}",
        difference=difference | {"words": found.words, "n": found.n},
    )


def _malformed(text: str, why: str) -> InputError:
    return InputError(
        f"--require {text!r} cannot be read: {why}",
        hint='for example --require "entity_f1>=0.8" or "entity_f1:lower>=0.75"',
        code="gate.syntax",
    )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
