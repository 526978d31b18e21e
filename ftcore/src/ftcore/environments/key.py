"""What makes two environments the same one, and why one is built anew."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ftcore.backends import EnvironmentSpec
from ftcore.environments.lock import locks_hash, pinned_versions

_SHOWN = 3  # changed packages named in a reason


@dataclass(frozen=True)
class KeyParts:
    """Everything that an environment depends on.

    ``python`` is X.Y; ``lock`` the SHA-256 of the lock's bytes; ``torch_source`` names where torch
    comes from, without secrets. ``pins`` (name -> version) follow from the lock; they are kept to
    say what changed and are not hashed again.
    """

    backend: str
    plugin_version: str
    lock: str
    python: str
    platform: str
    accelerator: str
    torch: str
    torch_source: str
    pins: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The first 16 hex digits of the SHA-256 of all parts but ``pins``."""
        parts = {name: value for name, value in asdict(self).items() if name != "pins"}
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> KeyParts | None:
        """Return the parts that a ``state.json`` recorded, or None for another format."""
        try:
            return cls(**state["parts"])
        except (KeyError, TypeError):
            return None


def key_parts(
    spec: EnvironmentSpec, *, python: str, accelerator: str, torch_source: str
) -> KeyParts:
    """Return the key's parts for a spec on this machine. Raises PluginError for a bad lock."""
    pins = pinned_versions(spec.locks, python)
    return KeyParts(
        backend=spec.name,
        plugin_version=spec.version,
        lock=locks_hash(spec.locks),
        python=python,
        platform=f"{sys.platform}-{platform.machine()}",
        accelerator=accelerator,
        torch=spec.torch,
        torch_source=torch_source,
        pins=pins,
    )


def explain(old: KeyParts | None, new: KeyParts) -> str:
    """Return why ``new`` is built although ``old``, the latest environment, exists."""
    if old is None:
        return "first build"
    changes = [
        f"{label} {getattr(old, name) or 'none'} -> {getattr(new, name) or 'none'}"
        for name, label in (
            ("plugin_version", f"ft-{new.backend}"),
            ("python", "Python"),
            ("platform", "platform"),
            ("accelerator", "accelerator"),
            ("torch", "torch"),
            ("torch_source", "torch from"),
        )
        if getattr(old, name) != getattr(new, name)
    ]
    if old.lock != new.lock:
        changes.append(_lock_change(old.pins, new.pins))
    return "; ".join(changes) or "the earlier one is incomplete"


def _lock_change(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return which pins differ, the first few by name."""
    changed = [
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    if not changed:
        return "lock rewritten (same versions)"
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return "lock changed: " + ", ".join(changed[:_SHOWN]) + more
