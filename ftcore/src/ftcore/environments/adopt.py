"""Bring your own: a Python that already has the engine, such as a prepared image's."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from ftcore.backends import EnvironmentSpec
from ftcore.cache import Notify, refuse_windows
from ftcore.environments.accelerator import detect_accelerator
from ftcore.environments.environment import Environment
from ftcore.environments.health import check_health, import_failure
from ftcore.environments.lock import pinned_versions
from ftcore.errors import BuildError


def adopt(
    python: str | Path, spec: EnvironmentSpec, *, device: str = "auto", notify: Notify
) -> Environment:
    """Return the user's own Python as an environment; nothing is installed into it.

    ``python`` is a path or ``"current"``. Its packages may differ from the lock: every difference
    is a warning. Raises BuildError when it does not run or does not import the engine.
    """
    refuse_windows()
    path = Path(sys.executable) if str(python) == "current" else Path(python).expanduser()
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolving a venv's link would leave it
    accelerator = detect_accelerator(device)
    health = check_health(path, spec.imports)
    if health.errors:
        raise BuildError(
            f"{path} does not have what the backend {spec.name} needs:\n{import_failure(health)}",
            hint="Install it there, or leave --python out and let ft build the environment.",
            code="environment.adopted",
        )
    short = ".".join(health.python.split(".")[:2])
    wanted = pinned_versions(spec.locks, short)
    if spec.torch:
        wanted["torch"] = spec.torch
    warnings = tuple(
        f"{name} is {health.packages.get(name, 'missing')}, the lock has {version}"
        for name, version in sorted(wanted.items())
        if health.packages.get(name, "").split("+")[0] != version
    )
    notify(f"environment {spec.name}: your own Python {health.python}, {path}")
    for warning in warnings:
        notify(f"environment {spec.name}: {warning}")
    listing = "\n".join(f"{name}=={v}" for name, v in sorted(health.packages.items()))
    identity = f"{path}\n{health.python}\n{accelerator.kind}\n{listing}"
    return Environment(
        python=path,
        key="own-" + hashlib.sha256(identity.encode()).hexdigest()[:12],
        folder=path.parent.parent,
        packages=dict(sorted(health.packages.items())),
        torch_source="own" if "torch" in health.packages else "none",
        built=False,
        reason="your own Python",
        accelerator=accelerator.kind,
        python_version=health.python,
        adopted=True,
        warnings=warnings,
    )
