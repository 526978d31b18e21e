"""A backend's lock: a requirements file with hashes, and what it pins on a given Python."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from ftcore.errors import PluginError

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+?)(?:\s*;\s*(.+?))?\s*\\?$")


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock: ``name==version ; marker``, the name normalised."""

    name: str
    version: str
    marker: str | None = None

    def applies(self, python: str) -> bool:
        """Whether the pin holds on this platform under Python ``python`` (``"3.12"``)."""
        if self.marker is None:
            return True
        full = python if python.count(".") == 2 else f"{python}.0"
        short = ".".join(full.split(".")[:2])
        return Marker(self.marker).evaluate({"python_full_version": full, "python_version": short})


def read_lock(path: Path) -> list[Pin]:
    """Return the pins of a lock in its order.

    Raises PluginError when the file is missing or holds anything but pins, hashes and comments.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise PluginError(
            f"The lock {path} cannot be read: {error.strerror}.",
            hint="Install the plugin again.",
            code="plugin.lock",
        ) from error
    pins = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(("#", "--hash=")):
            continue
        match = _PIN.match(line)
        if match is None:
            raise PluginError(
                f"{path}:{number} is not a pin (name==version): {line}",
                hint="Write the lock again with scripts/relock.py.",
                code="plugin.lock",
            )
        pins.append(Pin(canonicalize_name(match[1]), match[2], match[3]))
    return pins


def pinned_versions(locks: Iterable[Path], python: str) -> dict[str, str]:
    """Return name -> version of the pins that hold here under Python ``python``."""
    pins = (pin for path in locks for pin in read_lock(path))
    return {pin.name: pin.version for pin in pins if pin.applies(python)}


def locks_hash(locks: Iterable[Path]) -> str:
    """Return the SHA-256 (hex) of the bytes of all locks, one after the other."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in locks)).hexdigest()
