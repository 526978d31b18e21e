"""Finds what is to be compared from names of runs."""

from __future__ import annotations

from os import PathLike

from ftcore.errors import UnsupportedError
from ftcore.judging.pairs import Baseline, Contest, before_and_after, two_runs
from ftcore.runs.listing import find_run, runs_root


def find_contest(
    run: str | PathLike[str],
    other: str | PathLike[str] | None = None,
    *,
    runs: str | PathLike[str] | None = None,
    baseline: Baseline | None = None,
) -> Contest:
    """Return before and after of ``run``, or ``run`` and ``other`` after training.

    Runs are named as everywhere: folder, id, the beginning of one, ``last``.
    Raises RunNotFound, UnsupportedError for a baseline of two runs, and what `pairs` raises.
    """
    root = runs_root(None if runs is None else str(runs))
    first = find_run(str(run), root)
    if other is None:
        return before_and_after(first, baseline)
    if baseline is not None:
        raise UnsupportedError(
            "two runs are compared after training; there is no baseline",
            hint="leave --baseline out, or give one run",
            code="judge.baseline",
        )
    return two_runs(first, find_run(str(other), root))
