"""Prepares every side of a comparison: what is pinned, which rows stay, who decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ftcore.backends import BackendSpec
from ftcore.comparison.certificate import Asked
from ftcore.engine.nodes import require_one_machine
from ftcore.engine.opening import Changes, open_recipe
from ftcore.engine.parity.plain import PLAIN, plain_spec
from ftcore.engine.parity.profile import as_overrides, length_pins, longest_row, pins
from ftcore.engine.parity.trainings import Workplace
from ftcore.engine.prepare import Prepared, prepare
from ftcore.errors import RecipeError, UnsupportedError
from ftcore.plugins import Plugins
from ftcore.recipe.loading import LoadedRecipe


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison that is ready to be trained.

    ``prepared`` has a run for each side, by backend; ``arbiter`` is the plain loop's, None where
    it cannot train the recipe; ``pins`` are the fields that were set, without the user's own.
    """

    asked: Asked
    pins: Mapping[str, Any]
    prepared: Mapping[str, Prepared]
    arbiter: Prepared | None
    notes: tuple[str, ...]

    @property
    def first(self) -> Prepared:
        """The first side."""
        return next(iter(self.prepared.values()))


def plan_comparison(asked: Asked, plugins: Plugins, workplace: Workplace) -> Comparison:
    """Prepare every side of the pinned recipe.

    Raises what `prepare` raises; `RecipeError` where there are not two trainings to compare.
    """
    names = side_names(asked)
    plugins = plugins.adding(plain_spec(plugins.backend(names[0])))
    fields = pins(asked.mode, asked.steps)

    def ready(name: str) -> Prepared:
        loaded = prepare_recipe(name, asked, fields, plugins)
        require_one_machine(loaded.recipe)
        notify = workplace.observer.notice
        return prepare(loaded, plugins, backend=name, offline=workplace.offline, notify=notify)

    if asked.mode == "strict" and not given(asked, "data.max_length"):
        first = ready(names[0])
        limit = min(longest_row(first, asked.max_length), first.loaded.recipe.data.max_length)
        fields |= length_pins(limit)
        asked = replace(asked, max_length=limit)
    prepared = {name: ready(name) for name in names}
    arbiter = prepared.get(PLAIN)
    if arbiter is None:
        with suppress(UnsupportedError):
            arbiter = ready(PLAIN)
    used = {name: value for name, value in fields.items() if not given(asked, name)}
    notes = find_notes(asked, fields, prepared, arbiter)
    return Comparison(asked, used, prepared, arbiter, tuple(notes))


def side_names(asked: Asked) -> list[str]:
    """Return the sides in order, the plain loop last; `RecipeError` where they are not two."""
    names = list(dict.fromkeys(asked.backends))
    engines = [name for name in names if name != PLAIN]
    plain = [PLAIN] if asked.reference or PLAIN in names else []
    if not engines or len(engines) + len(plain) < 2:
        raise RecipeError(
            "a comparison needs two trainings",
            hint="--backends trl,swift, or one backend and --reference",
            code="parity.backends",
        )
    return [*engines, *plain]


def prepare_recipe(
    name: str, asked: Asked, fields: Mapping[str, Any], plugins: Plugins
) -> LoadedRecipe:
    """Return the pinned recipe for one side; the user's own fields win over the pins.

    A backend that has no loss of its own computes the standard one where engines choose.
    """
    overrides = (*as_overrides(fields), *asked.overrides)
    changes = Changes(name, asked.profile, asked.model, overrides)
    loaded = open_recipe(asked.recipe, plugins, changes)
    if loaded.recipe.train.loss == "engine" and not has_own_loss(plugins.backend(name)):
        standard = (*overrides, 'train.loss="standard"')
        loaded = open_recipe(asked.recipe, plugins, replace(changes, overrides=standard))
    return loaded


def has_own_loss(spec: BackendSpec) -> bool:
    """Whether a backend has a loss besides the standard one."""
    return spec.capability("train.loss", "engine").state != "unsupported"


def given(asked: Asked, name: str) -> bool:
    """Whether the user set a field themselves."""
    return any(text.partition("=")[0].strip() == name for text in asked.overrides)


def find_notes(
    asked: Asked,
    fields: Mapping[str, Any],
    prepared: Mapping[str, Prepared],
    arbiter: Prepared | None,
) -> Iterator[str]:
    """Yield what a reader of the certificate must know besides the levels."""
    first = next(iter(prepared.values()))
    left_out = first.stream.account.tally.counts["train"].get("dropped", 0)
    if left_out:
        yield f"{left_out} rows of more than {asked.max_length} tokens are left out"
    for name in fields:
        if given(asked, name):
            yield f"{name} is as given, not as pinned"
    if any(run.settings.loss == "engine" for run in prepared.values()):
        for name, run in prepared.items():
            note = run.spec.capability("train.loss", "engine").note
            own = run.settings.loss == "engine"
            standard = f"{name} has no loss of its own and computes the standard one"
            yield f"{name} computes its own loss: {note}" if own else standard
    if arbiter is None:
        yield "the plain loop cannot train this recipe, so causes are not tried out"
