"""The base of every table of a recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the recipe: immutable, unknown keys refused, no value converted in silence.

    ``strict`` keeps ``"4"`` from becoming 4 and ``true`` from becoming 1; a whole number is still
    a good value where a number is expected.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True
    )
