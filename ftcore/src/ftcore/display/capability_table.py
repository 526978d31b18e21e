"""What a backend declares for every recipe field that an engine must honour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ftcore.backends import EXACT, BackendSpec
from ftcore.display.facts import text_grid
from ftcore.engine.capabilities import BACKEND_FIELDS
from ftcore.recipe.fields import leaf_fields
from ftcore.recipe.not_yet import NOT_YET
from ftcore.recipe.schema import Recipe
from ftcore.report.grid import Grid


@dataclass(frozen=True, slots=True)
class CapabilityLine:
    """One field, or one value of it; ``devices`` is empty where it works on all of them."""

    field: str
    value: str | None
    state: str
    devices: tuple[str, ...]
    note: str


def capability_lines(spec: BackendSpec) -> Iterator[CapabilityLine]:
    """Yield every field of `BACKEND_FIELDS`, value by value where the values differ.

    What ft itself does not do yet is "not_yet", whatever the backend declares.
    """
    leaves = leaf_fields(Recipe)
    for path in BACKEND_FIELDS:
        declared = [
            key.partition("=")[2] for key in spec.capabilities if key.startswith(f"{path}=")
        ]
        # The type of a choice field, in words, has its values between quotes.
        values = list(dict.fromkeys([*leaves[path].type.split('"')[1::2], *declared]))
        differ = declared or any(_waits(path, value) for value in values)
        for value in values if differ else [None]:
            yield _line(spec, path, value)


def capability_table(spec: BackendSpec) -> Grid:
    """Return the lines as a table of texts."""
    titles = ("Recipe field", "State", "Devices", "Note")
    rows = (
        (
            line.field if line.value is None else f"{line.field} = {line.value}",
            line.state.replace("_", " "),
            " ".join(line.devices),
            line.note,
        )
        for line in capability_lines(spec)
    )
    return text_grid(titles, rows)


def _line(spec: BackendSpec, path: str, value: str | None) -> CapabilityLine:
    if _waits(path, value):
        return CapabilityLine(path, value, "not_yet", (), f"{NOT_YET[path].what}: still to come")
    # What asks for nothing is honoured by every backend.
    asks = value != "none"
    found = spec.capability(path, value) if asks else EXACT
    return CapabilityLine(path, value, found.state, found.devices, found.note)


def _waits(path: str, value: str | None) -> bool:
    entry = NOT_YET.get(path)
    if entry is None:
        return False
    # A field without listed values is "not yet" as a whole: only its default is honoured.
    return value is None or value not in entry.honoured
