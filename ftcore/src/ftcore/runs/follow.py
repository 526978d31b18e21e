"""Follows a growing JSON-lines file, whole lines only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftcore.errors import ProtocolViolation
from ftcore.protocol import parse


class LineFollower:
    """Returns the lines that were added since the last call; half a line waits for its rest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def new_lines(self) -> list[dict[str, Any]]:
        """Return the parsed new lines; `ProtocolViolation` for a whole line that is not JSON."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole, newline, _ = text.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        return [parse_line(line, self.path.name) for line in whole.split(b"\n") if line.strip()]


def parse_line(line: bytes, name: str) -> dict[str, Any]:
    """Return one line of the file ``name``; `ProtocolViolation` where it is no JSON object."""
    try:
        data = parse(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(f"{name}: a line is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ProtocolViolation(f"{name}: a line is not an object")
    return data
