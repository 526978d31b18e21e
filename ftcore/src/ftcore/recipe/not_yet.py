"""The fields that the schema holds while the work behind them is still to come.

Each is refused with its reason unless it has a value that ft honours already: no field is accepted
in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ftcore.errors import Problem
from ftcore.recipe.schema import Recipe

CODE = "recipe.not-yet"


@dataclass(frozen=True, slots=True)
class NotYet:
    """What of a field works today, and what to do meanwhile.

    ``honoured`` are the values that work; for lists these are the elements that work.
    """

    what: str
    honoured: tuple[Any, ...]
    meanwhile: str


UNSET = (None,)
EMPTY: tuple[Any, ...] = ()

NOT_YET: dict[str, NotYet] = {
    "export.formats": NotYet(
        "this export format", ("adapter", "merged"), "export merged weights and convert those"
    ),
    "launch.strategy": NotYet(
        "a model that is shared out over several GPUs", ("none", "ddp"), 'set strategy = "ddp"'
    ),
    "track.trackers": NotYet("experiment trackers", EMPTY, "read events.jsonl of the run"),
}


def not_yet_problems(recipe: Recipe) -> list[Problem]:
    """Return a problem, without its line, for every value that ft does not honour yet."""
    problems = []
    for path, entry in NOT_YET.items():
        value = value_at(recipe, path)
        waiting = list(value) if isinstance(value, list | dict) else [value]
        found = [item for item in waiting if item not in entry.honoured]
        if found:
            problems.append(_problem(path, entry))
    return problems


def value_at(recipe: Recipe, path: str) -> Any:
    """Return the value of the field with the dotted ``path``."""
    value: Any = recipe
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _problem(path: str, entry: NotYet) -> Problem:
    message = f"ft does not do this yet: {entry.what}"
    return Problem(message, field=path, fix=entry.meanwhile, code=CODE)
