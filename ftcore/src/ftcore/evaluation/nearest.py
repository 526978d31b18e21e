"""The training rows most like a test row, by TF-IDF over character n-grams.

Character n-grams need no word list, so that Chinese and English are treated alike. Features are
hashed to a fixed number of columns and the training rows are gone through in blocks, so that memory
does not grow with them (but for 8 bytes a column and the best few places of each test row).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

GRAMS = (2, 3, 4)  # characters
COLUMNS = 1 << 20
LONGEST = 2000  # characters of a text that are looked at
BLOCK = 2048  # rows of either side that are compared at once
_PRIME = np.uint64(0x9E3779B97F4A7C15)  # an odd multiplier that spreads bits (Knuth's golden ratio)

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The place of a training row in its list, and its similarity, 0 (nothing shared) to 1."""

    place: int
    similarity: float


def nearest(queries: Sequence[str], texts: Sequence[str], count: int) -> list[list[Neighbour]]:
    """Return for each query its ``count`` most similar texts, best first, equals in their order.

    Similarity is the cosine of TF-IDF vectors over the 2- to 4-grams of characters, in lower case
    with runs of whitespace as one space: weights (1 + ln tf) x ln((1 + N) / df), with df and N
    over ``texts``; a gram that no text has counts as one that one text has. Texts that share
    nothing with the query are left out. Source: Salton and Buckley 1988; hashing as in Weinberger
    et al. 2009, without signs.
    """
    weights = _inverse_frequencies(texts)
    found: list[list[Neighbour]] = []
    for start in range(0, len(queries), BLOCK):
        block = _vectors(queries[start : start + BLOCK], weights)
        found += _best(block, texts, weights, count)
    return found


def _best(queries: Any, texts: Sequence[str], weights: Floats, count: int) -> list[list[Neighbour]]:
    """Return the best texts for each row of ``queries``, keeping only ``count`` places a row."""
    rows = queries.shape[0]
    scores = np.zeros((rows, 0), dtype=np.float32)
    places = np.zeros((rows, 0), dtype=np.int64)
    for start in range(0, len(texts), BLOCK):
        block = _vectors(texts[start : start + BLOCK], weights)
        similar = (queries @ block.T).toarray()
        numbers = np.broadcast_to(np.arange(start, start + similar.shape[1]), similar.shape)
        scores = np.concatenate([scores, similar], axis=1)
        places = np.concatenate([places, numbers], axis=1)
        # Stable, so that of equals the first in the list stays first.
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        scores = np.take_along_axis(scores, order, axis=1)
        places = np.take_along_axis(places, order, axis=1)
    return [
        [
            Neighbour(int(place), min(1.0, round(float(score), 4)))
            for place, score in zip(places[row], scores[row], strict=True)
            if score > 0
        ]
        for row in range(rows)
    ]


def _inverse_frequencies(texts: Sequence[str]) -> Floats:
    """Return the weight of each column, by the number of texts that have it."""
    having = np.zeros(COLUMNS, dtype=np.int64)
    for start in range(0, len(texts), BLOCK):
        _, columns, _ = _counted(texts[start : start + BLOCK])
        having += np.bincount(columns, minlength=COLUMNS)
    return np.log((1 + len(texts)) / np.maximum(having, 1)).astype(np.float32)


def _vectors(texts: Sequence[str], weights: Floats) -> Any:
    """Return a sparse matrix with one row of length 1 for each text (0 for one without grams)."""
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    rows, columns, counts = _counted(texts)
    values = ((1 + np.log(counts)) * weights[columns]).astype(np.float32)
    length = np.sqrt(np.bincount(rows, values.astype(np.float64) ** 2, minlength=len(texts)))
    length[length == 0] = 1
    values = (values / length[rows]).astype(np.float32)
    return csr_array((values, (rows, columns)), shape=(len(texts), COLUMNS))


def _counted(texts: Sequence[str]) -> tuple[Integers, Integers, Integers]:
    """Return (row, column, count) of every gram, sorted by row and column."""
    keys = [
        (np.int64(row) * COLUMNS + gram).astype(np.int64)
        for row, text in enumerate(texts)
        for gram in _grams(text)
    ]
    if not keys:
        return (np.empty(0, np.int64),) * 3
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    return found // COLUMNS, found % COLUMNS, counts.astype(np.int64)


def _grams(text: str) -> Iterator[Integers]:
    """Yield for each length of gram the hashed columns of the text's grams."""
    words = " ".join(text.lower().split())
    if not words:
        return
    raw = f" {words} "[:LONGEST].encode("utf-32-le", "surrogatepass")
    letters = np.frombuffer(raw, dtype="<u4").astype(np.uint64)
    for size in GRAMS:
        if len(letters) < size:
            return
        mixed = np.full(len(letters) - size + 1, size, dtype=np.uint64)
        for offset in range(size):
            mixed = (mixed ^ letters[offset : len(mixed) + offset]) * _PRIME
            mixed ^= mixed >> np.uint64(29)
        yield (mixed % np.uint64(COLUMNS)).astype(np.int64)
