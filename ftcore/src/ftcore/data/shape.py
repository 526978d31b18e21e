"""What a recipe makes of the rows of ``data.train``, row by row: cleaned, split, weighted, limited.

Rows pass one after the other, so that any number of them fits; only what tells copies and
duplicates apart is held.
"""

from __future__ import annotations

import pickle
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ftcore.data.account import Item, LeftOut
from ftcore.data.cleaning import ChosenStep, Quoting, StepCount, clean
from ftcore.data.rows import Row
from ftcore.data.split import SplitOptions, require_parts, unit_hash
from ftcore.data.weights import copies_of


@dataclass(frozen=True, slots=True)
class Shaping:
    """What the recipe asks for: see ``[[data.clean]]``, ``[data.split]`` and ``data.limit``.

    ``weights`` has the files whose weight is not 1; ``base`` is the folder that the paths of steps
    start from.
    """

    steps: tuple[ChosenStep, ...] = ()
    split: SplitOptions = field(default_factory=SplitOptions)
    weights: Mapping[str, float] = field(default_factory=dict)
    limit: int | None = None
    base: Path = Path()

    @property
    def by_row(self) -> bool:
        """Whether each row's fate is its own, so that rows need not pass one after the other."""
        return not self.steps and not self.weights and self.limit is None

    @property
    def before_split(self) -> int:
        """How many steps see all rows; from the first one that augments on, the training part."""
        return next((n for n, item in enumerate(self.steps) if item.step.augments), len(self.steps))


class Shaper:
    """Shapes rows once. ``counts`` has what each step did, in order, after the last row."""

    def __init__(self, shaping: Shaping, quoting: Quoting | None = None) -> None:
        self.counts: list[StepCount] = []
        self._shaping, self._quoting = shaping, quoting

    def run(self, rows: Iterable[Row]) -> Iterator[Item]:
        """Yield every row with its part, or as left out; also the rows that steps add.

        Cleaning comes before the split, so that rows that become equal stay in one part. From the
        first step that augments on, steps see the training part alone; weights and the limit too.
        Raises `DataError` for what a step or the split cannot work with.
        """
        shaping = self._shaping
        first = shaping.before_split
        items: Iterator[Item] = (("train", row) for row in rows)
        items = self._clean(items, shaping.steps[:first])
        items = self._split(items)
        items = self._clean(items, shaping.steps[first:])
        if shaping.weights:
            items = self._weigh(items)
        if shaping.limit is not None:
            items = self._limit(items, shaping.limit)
        return items

    def _clean(self, items: Iterator[Item], steps: tuple[ChosenStep, ...]) -> Iterator[Item]:
        seed, base = self._shaping.split.seed, self._shaping.base
        return clean(items, steps, self.counts, seed=seed, base=base, quoting=self._quoting)

    def _split(self, items: Iterable[Item]) -> Iterator[Item]:
        split = self._shaping.split
        sizes: Counter[str] = Counter()
        for item in items:
            if isinstance(item, LeftOut):
                yield item
                continue
            part = split.part_of(item[1])
            sizes[part] += 1
            yield part, item[1]
        require_parts(split, sizes)

    def _weigh(self, items: Iterable[Item]) -> Iterator[Item]:
        count = StepCount("weights")
        self.counts.append(count)
        for item in items:
            if isinstance(item, LeftOut) or item[0] != "train":
                yield item
                continue
            part, row = item
            copies = copies_of(row, self._shaping.weights, self._shaping.split.seed)
            count.rows += 1
            count.removed += not copies
            count.added += max(len(copies) - 1, 0)
            if not copies:
                yield LeftOut(row, "weight", "left out by the weight of its source")
            for copy in copies:
                yield part, copy

    def _limit(self, items: Iterable[Item], limit: int) -> Iterator[Item]:
        """Keep the ``limit`` training rows that come first in hash order; see `limit_rows`.

        Only the last row tells which these are: until then the rows wait in a temporary file.
        """
        seed = self._shaping.split.seed
        keys = array("d")
        with tempfile.TemporaryFile(prefix="ft-limit-") as waiting:
            for item in items:
                if isinstance(item, LeftOut) or item[0] != "train":
                    yield item
                    continue
                pickle.dump(item[1], waiting, protocol=pickle.HIGHEST_PROTOCOL)
                keys.append(unit_hash("limit", seed, item[1].row_id))
            taken = np.zeros(len(keys), bool)
            taken[np.argsort(keys, kind="stable")[:limit]] = True
            if not taken.all():
                count = StepCount("limit", len(keys), removed=int((~taken).sum()))
                self.counts.append(count)
            waiting.seek(0)
            for kept in taken:
                row: Row = pickle.load(waiting)  # what was written above
                why = f"left out by data.limit = {limit}"
                yield ("train", row) if kept else LeftOut(row, "limit", why)
