"""The head of a resolved recipe: which recipe it was, as light to read as text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_HEADER = re.compile(
    r"# (Every field of|Relative paths belong to|Profile:|Set on the command line:) "
)


@dataclass(frozen=True, slots=True)
class ResolvedHeader:
    """Where a resolved recipe came from: the head that `dump_resolved` writes."""

    path: str
    base: str
    profile: str | None
    overrides: tuple[str, ...]


def read_header(text: str) -> ResolvedHeader:
    """Read the head of a resolved recipe; ValueError where it is not whole."""
    found: dict[str, list[Any]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if (match := _HEADER.match(line)) and (value := line[match.end() :]) != "none":
            found.setdefault(match[1], []).append(json.JSONDecoder().raw_decode(value)[0])
    try:
        (path,), (base,) = found["Every field of"], found["Relative paths belong to"]
    except (KeyError, ValueError) as error:
        raise ValueError("it does not say which recipe it is") from error
    profile = found.get("Profile:", [None])[0]
    return ResolvedHeader(path, base, profile, tuple(found.get("Set on the command line:", ())))
