"""How commands with gates end: first all that was found, then exit code 7 where one fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import click

from ftcore.evaluation.gated import Gated, GatesNotHeld

R = TypeVar("R", bound=Gated)


def held_or_not(work: Callable[[], R]) -> tuple[R, GatesNotHeld | None]:
    """Return what ``work`` comes to, and the error for gates that do not hold."""
    try:
        return work(), None
    except GatesNotHeld as error:
        return cast(R, error.result), error


def end(error: GatesNotHeld | None, *, as_json: bool) -> None:
    """End with exit code 7 where there is an error; data that was printed already says it all."""
    if error is None:
        return
    if as_json:
        click.get_current_context().exit(error.exit_code)
    raise error
