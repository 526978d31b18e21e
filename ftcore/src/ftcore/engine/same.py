"""Whether a run can still become what it was to be: its plan and environment, then and now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ftcore.backends import BackendSpec
from ftcore.cache import cache_dir
from ftcore.code_folder import code_folder
from ftcore.engine.prepare import Prepared
from ftcore.environments.environment import Environment
from ftcore.errors import Problem
from ftcore.protocol import encode

# Of plan.json: what it is, and where to look.
PLAN = {
    "stream": ("the training or validation rows, or how they are rendered", "the files of [data]"),
    "order": ("the order of the rows", "train.batch_size, accumulation, epochs and seed"),
    "device": ("the device", "launch.device, FT_DEVICE"),
}
SHOWN = 5


def plan_changes(kept: Mapping[str, Any], prepared: Prepared) -> list[Problem]:
    """Return what of the plan in ``plan.json`` is not what ``prepared`` says now."""
    plan = prepared.plan
    now = {"stream": plan.stream, "order": plan.order, "device": plan.device}
    found = [
        _changed(what, kept[name], now[name], fix=f"look at {where}")
        for name, (what, where) in PLAN.items()
        if kept[name] != now[name]
    ]
    if kept["model"]["fingerprint"] != plan.model["fingerprint"]:
        found.append(
            _changed(
                f"the model {plan.model['id']}",
                kept["model"]["fingerprint"],
                plan.model["fingerprint"],
                fix=f"its folder was {kept['model']['folder']}",
            )
        )
    then, settings = kept["settings"], encode(prepared.settings)
    return found + [
        _changed(f"the setting {name}", then.get(name), settings.get(name))
        for name in sorted(then.keys() | settings.keys())
        if then.get(name) != settings.get(name)
    ]


def environment_changes(
    kept: Mapping[str, Any], spec: BackendSpec, environment: Environment
) -> list[Problem]:
    """Return what of the environment and the worker's code is not as in ``environment.json``.

    An environment that was built anew from the same lock is the same.
    """
    found = []
    code = code_folder(cache_dir(), spec.package).name
    if kept["code"] != code:
        fix = f"ft or its plugin for {spec.name} was changed"
        found.append(_changed("the worker's code", kept["code"], code, fix=fix))
    if kept["key"] != environment.key:
        found += list(_packages(kept["packages"], environment.packages)) or [
            _changed(
                "the environment", kept["key"], environment.key, fix=f"it ran {kept['python']}"
            )
        ]
    return found


def _packages(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Problem]:
    different = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    for name in different[:SHOWN]:
        yield _changed(f"the package {name}", then.get(name), now.get(name))
    if len(different) > SHOWN:
        yield Problem(f"{len(different) - SHOWN} more packages of the environment")


def _changed(what: str, then: Any, now: Any, fix: str | None = None) -> Problem:
    return Problem(f"{what}: was {then}, is {now}", fix=fix)
