"""`ft compare RUN RUN ...`: groups stored runs into variants, runs that differ in the seed only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ftcore.engine.compare.choices import named
from ftcore.errors import InputError
from ftcore.report.compare_data import ComparedVariant
from ftcore.report.compare_run import ComparedRun

SEED = "train.seed"
# What does not make a variant of its own: it does not change what is trained.
ASIDE = (SEED, "description", "recipe", "name", "launch.threads", "default_backend")
SHOWN = 3  # fields in a name


def group(runs: Sequence[ComparedRun]) -> list[ComparedVariant]:
    """Return the runs as variants, in the order in which they were given.

    Runs whose recipes differ in the seed only, on one backend and model and on the same rows, are
    seeds of one variant. Where two of these have the same seed, every run is a variant of its own.
    Raises `InputError` where there is only one run.
    """
    found: dict[str, list[ComparedRun]] = {}
    for run in runs:
        found.setdefault(_key(run), []).append(run)
    if any(len({run.manifest.seed for run in same}) < len(same) for same in found.values()):
        found = {str(run.path): [run] for run in runs}
    if len(runs) < 2:
        raise InputError(
            "there is one run only: nothing to compare it with",
            hint="give two or more runs",
            code="compare.one-variant",
        )
    groups = list(found.values())
    settings = _settings([facts(same[0]) for same in groups])
    names = [named(chosen) for chosen in settings]
    if len(groups) == 1:
        names = [groups[0][0].manifest.backend]
    if not all(names) or len(set(names)) < len(names):
        names = [same[0].path.name for same in groups]
    return [
        ComparedVariant(name, chosen, tuple(sorted(same, key=lambda run: run.manifest.seed)))
        for name, chosen, same in zip(names, settings, groups, strict=True)
    ]


def facts(run: ComparedRun) -> dict[str, Any]:
    """Return all that makes a run's variant, by name."""
    fields = {name: value for name, value in run.fields.items() if name not in ASIDE}
    rows = {"stream": run.plan.get("stream"), "model": run.plan.get("model", {}).get("fingerprint")}
    return {"backend": run.manifest.backend, **rows, **fields}


def _key(run: ComparedRun) -> str:
    return json.dumps(facts(run), sort_keys=True, default=str)


def _settings(found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what sets variants apart: names for people first, hashes only where nothing else."""
    names = list(dict.fromkeys(name for one in found for name in one))
    differing = [name for name in names if len({_text(one.get(name)) for one in found}) > 1]
    told = [name for name in differing if name not in ("stream", "model")]
    if "model.id" in told:
        told.remove("model.id")
    shown = ["model"] if "model" in differing else []
    shown += told[: SHOWN - len(shown)]
    return [{name: _shown(one, name) for name in shown} for one in found]


def _shown(one: Mapping[str, Any], name: str) -> str:
    if name == "model":
        return str(one.get("model.id", one.get("model"))).rpartition("/")[2]
    return _text(one.get(name))


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
