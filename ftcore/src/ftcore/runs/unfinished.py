"""What a run that did not finish has left, and how its files are put in order to go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.protocol import Receipt, decode
from ftcore.runs.folder import RunFolder
from ftcore.runs.follow import parse_line

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that is as whole as when it was reported; ``step`` optimizer steps lie behind.

    ``resumable`` is False where training was over, but for what follows it.
    """

    step: int
    path: Path
    resumable: bool


def trim_half_lines(run: RunFolder) -> None:
    """Cut off what a dying worker began to write in its events and receipts."""
    for path in (*run.path.glob("events*.jsonl"), *run.path.glob("receipts*.jsonl")):
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            with path.open("r+b") as file:
                file.truncate(whole)


def finished_stages(run: RunFolder) -> dict[str, dict[str, Any]]:
    """Return what each stage made that went its whole way, by its name, from the events."""
    return {
        event["stage"]: event["data"]["result"]
        for event in run.read_lines("events.jsonl")
        if event["type"] == "finished" and event["data"].get("stopped") is False
    }


def whole_checkpoints(run: RunFolder) -> list[Checkpoint]:
    """Return the checkpoints whose files all have the bytes that were reported, by step.

    One that was being written or removed when the worker died is left out.
    """
    found = {}
    for event in run.read_lines("events.jsonl"):
        data = event["data"]
        if event["type"] == "checkpoint" and "files" in data:
            path = run.file(CHECKPOINTS) / Path(data["path"]).name
            found[data["step"]] = (Checkpoint(data["step"], path, data["resumable"]), data["files"])
    whole = [checkpoint for checkpoint, files in found.values() if _is_whole(checkpoint, files)]
    return sorted(whole, key=lambda checkpoint: checkpoint.step)


def _is_whole(checkpoint: Checkpoint, files: dict[str, int]) -> bool:
    paths = {checkpoint.path / name: size for name, size in files.items()}
    return all(path.is_file() and path.stat().st_size == size for path, size in paths.items())


def keep_until(run: RunFolder, checkpoint: Checkpoint | None) -> None:
    """Remove what training left after ``checkpoint`` (None: all of it), half checkpoints too."""
    step = checkpoint.step if checkpoint else 0
    kept = {found.path for found in whole_checkpoints(run) if found.step <= step}
    if run.file(CHECKPOINTS).exists():
        for path in run.file(CHECKPOINTS).iterdir():
            if path.is_symlink():  # an engine's own name for a checkpoint, made anew when it saves
                path.unlink()
            elif path.is_dir() and path not in kept:
                shutil.rmtree(path)
    for path in run.path.glob("receipts*.jsonl"):
        lines = [line for line in _whole_lines(path) if _receipt(path, line).step < step]
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(b"".join(lines))
        temporary.replace(path)


def written_receipts(run: RunFolder) -> Iterator[Receipt]:
    """Yield every receipt that the run holds, rank by rank; `ProtocolViolation` for a bad line."""
    for path in sorted(run.path.glob("receipts*.jsonl")):
        for line in _whole_lines(path):
            yield _receipt(path, line)


def _whole_lines(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def _receipt(path: Path, line: bytes) -> Receipt:
    return decode(Receipt, parse_line(line, path.name))
