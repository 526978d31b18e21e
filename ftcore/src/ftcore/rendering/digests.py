"""Receipts' arithmetic: one digest a row, one digest a micro-batch, the same in every process."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

DIGEST_BYTES = 16

Ids = Sequence[int] | NDArray[np.integer]


def row_digest(ids: Ids, labels: Ids) -> bytes:
    """Return 16 bytes of BLAKE2b over the length, the ids and the labels of one unpadded row.

    The length is a little-endian int64; ids and labels are little-endian int32. Raises
    ValueError where ids and labels differ in length.
    """
    if len(ids) != len(labels):
        raise ValueError(f"{len(ids)} ids but {len(labels)} labels in one row")
    state = hashlib.blake2b(struct.pack("<q", len(ids)), digest_size=DIGEST_BYTES)
    state.update(np.asarray(ids, dtype="<i4").tobytes())
    state.update(np.asarray(labels, dtype="<i4").tobytes())
    return state.digest()


def batch_digest(step: int, micro: int, rank: int, row_digests: Iterable[bytes]) -> str:
    """Return the digest (32 hex digits) of one micro-batch: its place and its rows in order."""
    state = hashlib.blake2b(struct.pack("<qqq", step, micro, rank), digest_size=DIGEST_BYTES)
    for digest in row_digests:
        # Every row's digest has one length, so the sequence is told apart without separators.
        state.update(digest)
    return state.hexdigest()
