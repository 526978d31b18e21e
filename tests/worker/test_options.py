"""Arguments of an engine: listed from its dataclasses, and joined with a recipe's options."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from ftcore.errors import UnsupportedError
from ftcore.worker.options import list_arguments, with_options


class Way(enum.Enum):
    UP = "up"
    DOWN = "down"


@dataclass
class Arguments:
    steps: int = 1
    rate: float | None = None
    ways: list[str] = field(default_factory=list)
    more: dict[str, Any] | str | None = None
    way: Way = Way.UP
    any_way: Way | str = "up"
    how: Literal["a", "b"] | None = None
    bits: Literal[4, 8, "float8"] = 4
    made: int = field(init=False, default=0)
    path: Path | None = None


def test_the_listing():
    assert list_arguments([Arguments]) == {
        "any_way": {"kinds": ["str"]},
        "bits": {"kinds": ["int", "str"], "choices": ["float8", 4, 8]},
        "how": {"kinds": ["str"], "choices": ["a", "b"]},
        "more": {"kinds": ["str", "table"]},
        "rate": {"kinds": ["float"]},
        "steps": {"kinds": ["int"]},
        "way": {"kinds": ["str"], "choices": ["down", "up"]},
        "ways": {"kinds": ["list"]},
    }


def test_options_are_added():
    assert with_options({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}


def test_what_ft_sets_is_not_overridden():
    with pytest.raises(UnsupportedError, match="ft sets a of the engine itself"):
        with_options({"a": 1}, {"a": 2})
