"""Where tokens lie in a text, from their lengths in bytes: the quick way for byte-level BPE.

The tokens of such a tokenizer are the text's bytes, cut; so their places follow from their
lengths, and the library need not keep track of offsets (a quarter of its time). A row whose tokens
do not add up to its text (an added token that swallows white space, say) is left to the library.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

IntArray = NDArray[np.int64]
_PRINTABLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
_REMAPPED = 256 - len(_PRINTABLE)
# The 256 characters by which byte-level vocabularies write bytes: printable Latin-1 as it is, the
# others, in order, from U+0100 on.
ALPHABET = frozenset(map(chr, (*_PRINTABLE, *range(0x100, 0x100 + _REMAPPED))))


@dataclass(frozen=True, slots=True)
class Batch:
    """The ids of several rows; row n has the tokens ``ids[starts[n]:starts[n + 1]]``."""

    ids: NDArray[np.int32]
    starts: IntArray

    @classmethod
    def of(cls, encodings: Sequence[Encoding]) -> Batch:
        """Put the ids of encodings into one array."""
        lists = [encoding.ids for encoding in encodings]
        starts = np.zeros(len(lists) + 1, np.int64)
        np.cumsum([len(ids) for ids in lists], out=starts[1:])
        ids = np.fromiter(chain.from_iterable(lists), dtype=np.int32, count=int(starts[-1]))
        return cls(ids, starts)


@dataclass(frozen=True, slots=True)
class Ranges:
    """For each span its tokens ``first`` to ``last``, and how many others straddle its ends."""

    first: IntArray
    last: IntArray
    straddling: IntArray


@dataclass(frozen=True, slots=True)
class BytePlaces:
    """The length of every token of a byte-level vocabulary; ``lengths[id]`` in bytes."""

    lengths: IntArray

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> BytePlaces | None:
        """Return the lengths, or None where a token is not simply a piece of the text.

        That is so for any normaliser, for a space put in front, and for a token that stands for
        unknown bytes. All that is left can only leave bytes out, which a row's sum shows.
        """
        data = json.loads(tokenizer.to_str())
        steps = data["pre_tokenizer"] or {}
        steps = steps.get("pretokenizers", [steps])
        prefixed = any(step.get("add_prefix_space") or "prepend_scheme" in step for step in steps)
        levels = [step for step in steps if step.get("type") == "ByteLevel"]
        if data["normalizer"] or prefixed or len(levels) != 1 or not _plain(data["model"]):
            return None
        vocabulary = tokenizer.get_vocab(with_added_tokens=False)
        if data["model"].get("unk_token") and not vocabulary.keys() >= ALPHABET:
            return None
        lengths = np.zeros(max(tokenizer.get_vocab().values()) + 1, np.int64)
        for token, number in vocabulary.items():
            # A token with other characters is never made of bytes; the sum of its row is wrong.
            lengths[number] = len(token) if ALPHABET.issuperset(token) else 0
        for number, added in tokenizer.get_added_tokens_decoder().items():
            lengths[number] = len(added.content.encode())
        return cls(lengths)

    def whole(self, batch: Batch, sizes: IntArray) -> NDArray[np.bool_]:
        """Tell for each row whether its tokens add up to its text of ``sizes`` bytes."""
        ends = self._ends(batch)[batch.starts]
        same: NDArray[np.bool_] = ends[1:] - ends[:-1] == sizes
        return same

    def ranges(self, batch: Batch, rows: IntArray, begin: IntArray, end: IntArray) -> Ranges:
        """Return where each span lies; it is bytes ``begin:end`` of the text of its row."""
        ends = self._ends(batch)
        base = ends[batch.starts[rows]]
        starts, ends = ends[:-1], ends[1:]
        begin, end = begin + base, end + base
        first = np.searchsorted(starts, begin, "left")
        last = np.searchsorted(ends, end, "right")
        # Tokens without a length, in a row that is not whole, must not be taken for this row's.
        first = np.maximum(first, batch.starts[rows])
        last = np.minimum(last, batch.starts[rows + 1])
        before = (first > batch.starts[rows]) & (ends[first - 1] > begin)
        behind = (last < batch.starts[rows + 1]) & (starts[np.minimum(last, len(ends) - 1)] < end)
        around = before & behind & (first > last)  # one token around the whole span
        straddling = before.astype(np.int64) + behind - around
        return Ranges(np.minimum(first, last), last, straddling)

    def _ends(self, batch: Batch) -> IntArray:
        """Return the byte on which each token ends, a zero in front."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths[batch.ids])])


def _plain(model: dict[str, Any]) -> bool:
    marks = ("continuing_subword_prefix", "end_of_word_suffix")
    return model.get("type") == "BPE" and not any(model.get(mark) for mark in marks)
