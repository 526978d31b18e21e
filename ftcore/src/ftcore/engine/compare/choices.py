"""From what `ft compare` is asked for to variants: the product of all that is to vary."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftcore.engine.opening import Changes
from ftcore.errors import InputError

NO_PROFILE = "none"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared.

    ``vary`` are texts such as ``train.lora.rank=4,8``; ``seeds`` a number of seeds from the
    recipe's own on, or the seeds themselves. ``parity`` asks for a certificate where backends of
    one recipe are compared; ``price`` is for an hour of this machine.
    """

    recipes: tuple[Path, ...]
    backends: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    seeds: int | tuple[int, ...] = 1
    parity: bool = True
    price: float | None = None

    def seeds_asked(self) -> int:
        """Return how many seeds each variant is to have."""
        return self.seeds if isinstance(self.seeds, int) else len(set(self.seeds))


@dataclass(frozen=True, slots=True)
class Choice:
    """One variant before its seeds: a recipe with changes; ``settings`` say what was chosen."""

    name: str
    recipe: Path
    changes: Changes
    settings: Mapping[str, str]


def choices(asked: Asked) -> list[Choice]:
    """Return the variants, in the order in which they were asked for.

    One variant is enough with several seeds: then it is about their spread. Raises `InputError`
    for what cannot be varied, and where there is only one run.
    """
    axes = {
        "recipe": [str(path) for path in dict.fromkeys(asked.recipes)],
        "profile": list(dict.fromkeys(asked.profiles)),
        "model": list(dict.fromkeys(asked.models)),
        "backend": list(dict.fromkeys(asked.backends)),
        **dict(map(parse_vary, asked.vary)),
    }
    given = {name: values for name, values in axes.items() if values}
    if len(asked.vary) + 4 != len(axes):
        fix = "give all its values at once"
        raise InputError("a field is varied twice", hint=fix, code="compare.vary")
    varied = [name for name, values in given.items() if len(values) > 1]
    if not varied and asked.seeds_asked() < 2:
        raise InputError(
            "there is one run only: nothing to compare it with",
            hint="--backends trl,swift, --vary train.lora.rank=4,8, two profiles, models, recipes, "
            "or --seeds 5 for the spread over seeds",
            code="compare.one-variant",
        )
    found = []
    for values in itertools.product(*given.values()):
        chosen = dict(zip(given, values, strict=True))
        settings = {name: _shown(name, chosen[name], given[name]) for name in varied}
        changes = _changes(chosen, asked)
        recipe = Path(chosen["recipe"])
        name = named(settings) or chosen.get("backend") or recipe.stem
        found.append(Choice(name, recipe, changes, settings))
    return found


def what_varies(settings: Sequence[Mapping[str, str]]) -> str:
    """Return in a word what sets the variants apart."""
    names = list(dict.fromkeys(name for found in settings for name in found))
    if len(names) != 1:
        return "variant"
    return "setting" if "." in names[0] else names[0]


def parse_vary(text: str) -> tuple[str, list[str]]:
    """Return the field and its values; a value in brackets or quotes may hold commas."""
    key, equals, values = text.partition("=")
    parts = list(dict.fromkeys(part.strip() for part in _split(values)))
    if not equals or not key.strip() or not all(parts):
        raise InputError(
            f"expected KEY=VALUE,VALUE,..., found {text!r}",
            hint="for example --vary train.lora.rank=4,8,16",
            code="compare.vary",
        )
    taken = {"train.seed": "--seeds", "default_backend": "--backends", "model.id": "--models"}
    if key.strip() in taken:
        raise InputError(
            f"{key.strip()} is not varied by --vary",
            hint=f"use {taken[key.strip()]}",
            code="compare.vary",
        )
    return key.strip(), parts


def _split(text: str) -> Iterator[str]:
    depth, quote, start = 0, "", 0
    for place, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == "," and depth == 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _changes(chosen: Mapping[str, str], asked: Asked) -> Changes:
    own = ("recipe", "profile", "model", "backend")
    varied = [f"{name}={value}" for name, value in chosen.items() if name not in own]
    profile = chosen.get("profile")
    return Changes(
        backend=chosen.get("backend"),
        profile=None if profile == NO_PROFILE else profile,
        model=chosen.get("model"),
        overrides=(*asked.overrides, *varied),
    )


def _shown(axis: str, value: str, among: Sequence[str]) -> str:
    """Return a value as a name shows it: files and folders by their last part, if that tells."""
    if axis not in ("recipe", "model"):
        return value
    short = [Path(one).stem if axis == "recipe" else Path(one).name for one in among]
    return short[list(among).index(value)] if len(set(short)) == len(short) else value


def named(settings: Mapping[str, str]) -> str:
    """Return the name of a variant: its values, and the last part of the field's name."""
    parts = []
    for axis, value in settings.items():
        if axis == "profile" and value == NO_PROFILE:
            parts.append("no profile")
        elif axis in ("recipe", "profile", "model", "backend"):
            parts.append(value)
        else:
            last = axis.rpartition(".")[2]
            alike = sum(other.rpartition(".")[2] == last for other in settings)
            parts.append(f"{axis if alike > 1 else last} {value}")
    return ", ".join(parts)
