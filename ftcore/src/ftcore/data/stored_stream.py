"""A stream that lies on disk: what is in it, what its receipts must be, a run's links to it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ftcore.data.account import Entry, RowAccount, Tally
from ftcore.data.arrow_folder import DIGESTS_FILE, LENGTHS_FILE, SUPERVISED_FILE
from ftcore.errors import DataError
from ftcore.rendering.digests import batch_digest
from ftcore.rendering.order import Order

STREAM_VERSION = 1
STREAM_FILE = "stream.json"
ROWS_FILE = "rows.jsonl"


@dataclass(frozen=True)
class Stream:
    """A built stream.

    ``folder`` holds one folder per part (``train``, ``validation``) in the layout of `datasets`,
    ``rows.jsonl`` and ``stream.json``. ``hash`` names all that decided its content; ``reused``
    says that nothing was tokenised for it this time.
    """

    folder: Path
    hash: str
    reused: bool
    data: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, *, reused: bool = True) -> Stream:
        """Open a stream folder; `DataError` when it is missing, incomplete or damaged."""
        try:
            data = json.loads((folder / STREAM_FILE).read_text(encoding="utf-8"))
            sizes = {name: (folder / name).stat().st_size for name in data["files"]}
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{folder} is not a complete stream: {error}", code="data.stream"
            ) from error
        if data.get("version") != STREAM_VERSION or sizes != data["files"]:
            raise DataError(f"{folder} is damaged or of another version", code="data.stream")
        return cls(folder, data["hash"], reused, data)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts."""
        return tuple(self.data["parts"])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the renderer that made the stream."""
        return str(self.data["fingerprint"])

    def path(self, part: str) -> Path:
        """Return the folder of a part, as ``datasets.load_from_disk`` takes it."""
        return self.folder / part

    def rows(self, part: str) -> int:
        """Return how many rows the engine sees of a part (kept and cut ones)."""
        return int(self.data["parts"][part]["rows"])

    def tokens(self, part: str) -> int:
        """Return the number of tokens of a part, without padding."""
        return int(self.data["parts"][part]["tokens"])

    def supervised_tokens(self, part: str) -> int:
        """Return how many tokens of a part have a label."""
        return int(self.data["parts"][part]["supervised_tokens"])

    def counts(self, part: str) -> dict[str, int]:
        """Return kept, cut and dropped rows, then rows, tokens, supervised tokens and longest."""
        return {**self.account.tally.counts[part], **self.data["parts"][part]}

    def lengths(self, part: str) -> NDArray[np.int32]:
        """Return the tokens of each row."""
        return self._array(part, LENGTHS_FILE)

    def supervised(self, part: str) -> NDArray[np.int32]:
        """Return the supervised tokens of each row."""
        return self._array(part, SUPERVISED_FILE)

    def digests(self, part: str) -> NDArray[np.uint8]:
        """Return the digest of each row, shape (rows, 16)."""
        return self._array(part, DIGESTS_FILE)

    @cached_property
    def account(self) -> RowAccount:
        """What became of every row that went in."""
        return RowAccount(self.folder / ROWS_FILE, Tally.from_json(self.data["account"]))

    def entries(self, part: str) -> Iterator[Entry]:
        """Yield the entries of the rows that the engine sees: number n is row n of the part."""
        for entry in self.account.entries():
            if entry.part == part and entry.status != "dropped":
                yield entry

    def expected_receipts(
        self, order: Order, part: str = "train"
    ) -> Iterator[tuple[int, int, int, str]]:
        """Yield (step, micro, rank, digest) of every micro-batch of ``order`` over ``part``."""
        digests = self.digests(part)
        if order.shape.dataset_rows != len(digests):
            raise DataError(
                f"the order is over {order.shape.dataset_rows} rows, the stream's {part} part "
                f"has {len(digests)}",
                code="data.order",
            )
        for step, micro, rank, numbers in order.iter_micro_batches():
            rows = (digests[number].tobytes() for number in numbers)
            yield step, micro, rank, batch_digest(step, micro, rank, rows)

    def link_into(self, run_folder: Path) -> Path:
        """Put the stream under ``run_folder/stream`` by hard links, or copies across devices.

        The files are read-only, so that an engine cannot change the shared copy. A stream that is
        already there is replaced.
        """
        target = run_folder / "stream"
        if target.exists():
            shutil.rmtree(target)
        for source in sorted(self.folder.rglob("*")):
            place = target / source.relative_to(self.folder)
            if source.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                _link(source, place)
        return target

    def _array(self, part: str, name: str) -> NDArray[Any]:
        if part not in self.data["parts"]:
            raise DataError(f"the stream has no part {part!r}", code="data.stream")
        loaded: NDArray[Any] = np.load(self.folder / part / name, allow_pickle=False)
        return loaded


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
