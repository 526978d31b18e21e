"""Answers that an earlier, perhaps interrupted, attempt has left: kept where the same was asked.

Beside the predictions lies the hash of all that decides them; under another hash they are thrown
away. What a killed worker left of a line is cut off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftcore.protocol import Job, Stage, encode
from ftcore.worker.events import LineFile

# What the parent knows of the model, the environment and the worker's code, as one text.
IDENTITY = "identity"
CHUNK = 2**20


def key_file(predictions: Path) -> Path:
    """Return where the hash of what decides these predictions lies."""
    return predictions.with_suffix(".key")


def answers_key(job: Job, stage: Stage) -> str:
    """Return the hash of prompts, decoding, model, adapter, evaluator, engine and machine.

    The number of threads is among them: it changes the order of sums, and with it the odd answer.
    """
    decided = [
        str(stage.options.get(IDENTITY)),
        job.evaluator,
        job.device,
        job.model.dtype,
        job.model.attention,
        str(job.threads),
        json.dumps(encode(stage.decoding), sort_keys=True),
    ]
    state = hashlib.sha256("\0".join(decided).encode(errors="backslashreplace"))
    for path in [Path(str(stage.input)), *_weights(stage.adapter)]:
        state.update(f"\0{path.name}\0{path.stat().st_size}\0".encode(errors="backslashreplace"))
        for chunk in _chunks(path):
            state.update(chunk)
    return state.hexdigest()


def read_answers(predictions: Path, key: str) -> list[dict[str, Any]]:
    """Return the answers that were kept under ``key``, whole lines only, in the file's order."""
    try:
        if key_file(predictions).read_text(encoding="utf-8") != key:
            return []
        *whole, _ = predictions.read_bytes().split(b"\n")
    except OSError:
        return []
    return [json.loads(line) for line in whole]


class KeptAnswers(LineFile):
    """The predictions file of a stage: what is kept in ``kept``, by row, and room for the rest."""

    def __init__(self, path: Path, key: str) -> None:
        answers = read_answers(path, key)
        self.kept = {answer["row_id"]: answer for answer in answers}
        if answers:
            whole = path.read_bytes()
            with path.open("r+b") as file:
                file.truncate(whole.rindex(b"\n") + 1)
        else:
            path.unlink(missing_ok=True)
        super().__init__(path)
        key_file(path).write_text(key, encoding="utf-8")


def _weights(adapter: str | None) -> list[Path]:
    if adapter is None:
        return []
    names = ("*.safetensors", "*config.json")
    return sorted(path for name in names for path in Path(adapter).glob(name))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
