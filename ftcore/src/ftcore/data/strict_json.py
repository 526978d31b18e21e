"""JSON as it is meant: no constants that JSON does not have, no key twice in one object."""

from __future__ import annotations

import json
from typing import Any


class RepeatedKey(ValueError):
    """An object that names a key twice: one of the two values would be lost."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} occurs twice in one object, so a value would be lost")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise RepeatedKey(next(name for name in names if names.count(name) > 1))
    return found


DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object)
# For finding out where a value ends whose keys are looked at separately.
LENIENT = json.JSONDecoder(parse_constant=_refuse_constant)
