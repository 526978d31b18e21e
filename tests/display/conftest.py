from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ftcore.protocol import PROTOCOL_VERSION, Event


@pytest.fixture
def event() -> Callable[..., Event]:
    """A function that returns an event: type, time, stage, then its data."""

    def make(
        kind: str, time: float, stage: str | None = "train", rank: int = 0, **data: Any
    ) -> Event:
        return Event(PROTOCOL_VERSION, 0, time, kind, stage, rank, data)  # type: ignore[arg-type]

    return make
