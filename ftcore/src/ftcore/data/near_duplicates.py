"""Texts that are nearly the same, found by MinHash; needs the library datasketch."""

from __future__ import annotations

import zlib
from typing import Any

from ftcore.data.rows import Row
from ftcore.errors import DataError

PERMUTATIONS = 128
GRAM = 5  # characters; long enough to tell topics apart, short enough for Chinese
SEED = 1
MOST_EXACT = 0.98  # of what 128 hashes can look for; what is found is compared exactly


class NearIndex:
    """Finds the first text that a new one is nearly the same as.

    ``threshold`` is a Jaccard similarity of sets of character 5-grams, estimated from 128 hashes
    (standard error at most 0.05). Raises `DataError` when datasketch is not installed.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._library = _datasketch()
        self._lsh: Any = self._library.MinHashLSH(
            threshold=min(threshold, MOST_EXACT), num_perm=PERMUTATIONS
        )
        self._hashes: list[tuple[Any, str]] = []

    def find_or_add(self, text: str, place: str) -> str | None:
        """Return the place of an earlier text like ``text``; None after adding a new one."""
        sketch = self.sketch(text)
        found = self.nearest(sketch)
        if found is None:
            self._add(sketch, place)
        return found

    def add(self, text: str, place: str) -> None:
        """Take in a text without looking for one like it."""
        self._add(self.sketch(text), place)

    def _add(self, sketch: Any, place: str) -> None:
        self._lsh.insert(len(self._hashes), sketch)
        self._hashes.append((sketch, place))

    def nearest(self, sketch: Any) -> str | None:
        """Return the place and the similarity of the text most like a sketched one, or None."""
        best, where = 0.0, None
        for number in sorted(self._lsh.query(sketch)):
            other, place = self._hashes[number]
            similarity = float(sketch.jaccard(other))
            if similarity > best:
                best, where = similarity, place
        return f"{where} (similarity {best:.2f})" if best >= self._threshold else None

    def sketch(self, text: str) -> Any:
        """Return what `nearest` looks for."""
        words = " ".join(text.lower().split())
        grams = {words[start : start + GRAM] for start in range(max(1, len(words) - GRAM + 1))}
        sketch = self._library.MinHash(num_perm=PERMUTATIONS, seed=SEED, hashfunc=zlib.crc32)
        sketch.update_batch([gram.encode("utf-8", "surrogatepass") for gram in grams])
        return sketch


def row_text(row: Row) -> str:
    """Return what two rows are compared by: all contents but the system prompt."""
    return "\n".join(message.content for message in row.messages if message.role != "system")


def _datasketch() -> Any:
    try:
        import datasketch  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise DataError(
            "near-duplicates need the library datasketch",
            hint='pip install "ftcore[near-duplicates]"',
            code="data.near-duplicates",
        ) from error
    return datasketch
