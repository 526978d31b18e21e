"""Where a worker runs: in the environment that ft builds, or in the user's own Python."""

from __future__ import annotations

from ftcore.backends import BackendSpec
from ftcore.engine.observer import Observer
from ftcore.environments.adopt import adopt
from ftcore.environments.build import ensure
from ftcore.environments.environment import Environment


def place(
    spec: BackendSpec, device: str, *, python: str | None, offline: bool, observer: Observer
) -> Environment:
    """Return the user's own Python (a path, or "current"), or the environment of the backend."""
    if python is not None:
        return adopt(python, spec.environment, device=device, notify=observer.notice)
    return ensure(spec.environment, device=device, offline=offline, notify=observer.notice)
