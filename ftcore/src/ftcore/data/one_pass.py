"""From files to rendered rows in one pass that holds no row: any number of them fits.

Where each row's fate is its own, blocks of the files are read, checked, split and rendered in
several processes. Where rows must pass one after the other (cleaning steps, weights, a limit), they
are read and shaped here, and rendered in several processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftcore.data.account import LeftOut
from ftcore.data.blocks import iter_blocks
from ftcore.data.cleaning import StepCount
from ftcore.data.ingest import Ingested, IngestTask
from ftcore.data.leakage import HeldOut
from ftcore.data.portion import Portion
from ftcore.data.read import KEPT_PROBLEMS, RowReader, empty_file, odd_characters
from ftcore.data.render_chunk import Chunk, Renderable, chunks_of
from ftcore.data.render_pool import RenderTask, run_parallel
from ftcore.data.row_keys import RowKeys
from ftcore.data.rows import CopyNumbers, Row
from ftcore.data.shape import Shaper, Shaping
from ftcore.data.split import require_parts
from ftcore.data.structure import ODD_CHARACTERS
from ftcore.errors import Problem
from ftcore.rendering.renderer import Renderer

PARALLEL_FROM = 16 << 20  # bytes; below, starting processes costs more than it saves


@dataclass(slots=True)
class Found:
    """What the pass found besides the stream.

    ``test`` are the rows that the split holds out for test, which are never rendered; ``counts``
    has records, rows, refused and so on of each portion; ``warnings`` includes held-out rows that
    are also in training, and at most `KEPT_PROBLEMS` are kept.
    """

    test: list[Row] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    shaping: list[StepCount] = field(default_factory=list)


class OnePass:
    """One pass over the portions of a recipe: hands out rendered chunks, keeps what was found.

    ``test`` are the test rows that come from files of their own. ``processes`` is how many render;
    None means all cores for much data and this process for little.
    """

    def __init__(
        self,
        portions: Sequence[Portion],
        shaping: Shaping,
        renderer: Renderer,
        *,
        test: Sequence[Row] = (),
        processes: int | None = None,
    ) -> None:
        self.found = Found()
        self._portions, self._shaping, self._renderer = portions, shaping, renderer
        self._processes = processes
        group = shaping.split.group
        self._train = RowKeys(group)
        self._held_out = {"test": HeldOut(group), "validation": HeldOut(group)}
        for row in test:
            self._held_out["test"].add(row)
        others = any(portion.part != "train" for portion in portions)
        split = shaping.split
        self._compare = bool(test) or others or split.validation > 0 or split.test > 0

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rendered chunks, portion by portion.

        Raises `DataError` for records that are no rows (once one is refused, the rest is only
        read), a portion without any row, and what cannot be split or cleaned.
        """
        for portion in self._portions:
            if portion.part != "train" or self._shaping.by_row:
                yield from self._by_block(portion)
            else:
                yield from self._one_by_one(portion)
        for held_out in self._held_out.values():
            self._warn(held_out.leakage(self._train).problems)

    def _by_block(self, portion: Portion) -> Iterator[Chunk]:
        split = self._shaping.split if portion.part == "train" else None
        group = self._shaping.split.group
        task = IngestTask(portion, self._renderer, split, compare=self._compare, group=group)
        blocks = (block for file in portion.files for block in iter_blocks(file))
        counts, sizes, copies = Counter[str](), Counter[str](), CopyNumbers()
        problems: list[Problem] = []
        empty = dict.fromkeys(file.name for file in portion.files)
        results: Iterable[Ingested] = self._map(task, blocks, portion)
        for done in results:
            counts.update(done.counts)
            sizes.update(done.parts)
            problems.extend(done.problems[: KEPT_PROBLEMS - len(problems)])
            self._warn(done.warnings)
            if done.counts["records"]:
                empty.pop(done.name, None)
            if not problems:
                done.number(copies.suffixes(done.contents))
                self._take(done)
                yield from done.chunks
        self._warn([empty_file(name) for name in empty])
        counts["warnings"] += len(empty)
        portion.require(counts, problems)
        self._count(portion, counts)
        if split is not None:
            require_parts(split, sizes)

    def _one_by_one(self, portion: Portion) -> Iterator[Chunk]:
        shaper = Shaper(self._shaping, portion.quoting)
        items = self._shaped(shaper, self._rows(portion))
        yield from self._map(RenderTask(self._renderer), chunks_of(items), portion)
        self.found.shaping = shaper.counts

    def _rows(self, portion: Portion) -> Iterator[Row]:
        """Yield the rows of a portion, and keep what reading tells."""
        reader = portion.reader()
        for row in portion.sound_rows(reader):
            yield row
            self._warn(self._still_odd(reader))
        self._warn(self._still_odd(reader))
        self._count(portion, reader.counts)

    def _still_odd(self, reader: RowReader) -> list[Problem]:
        """Return what reading warned of; of characters not yet, where they may be cleaned."""
        warnings = reader.take_warnings()
        if not self._shaping.steps:
            return warnings
        return [warning for warning in warnings if warning.code != ODD_CHARACTERS]

    def _shaped(self, shaper: Shaper, rows: Iterable[Row]) -> Iterator[Renderable]:
        """Yield what is to be rendered or accounted for; keep the test rows."""
        before = None
        for item in shaper.run(rows):
            if isinstance(item, LeftOut):
                yield item.entry()
                continue
            part, row = item
            if self._shaping.steps and row.source != before:
                self._warn(odd_characters(row))
                before = row.source  # copies of one row stand together
            if part == "test":
                self.found.test.append(row)
            if self._compare:
                (self._train if part == "train" else self._held_out[part]).add(row)
            if part != "test":
                yield item

    def _map(self, task: Any, inputs: Iterable[Any], portion: Portion) -> Iterator[Any]:
        if self._processes is None and portion.bytes < PARALLEL_FROM:
            return map(task, inputs)
        return run_parallel(task, inputs, self._processes)

    def _take(self, done: Ingested) -> None:
        for part, keys in done.keys.items():
            (self._train if part == "train" else self._held_out[part].keys).merge(keys)
        self.found.test.extend(done.test)

    def _warn(self, warnings: Sequence[Problem]) -> None:
        self.found.warnings.extend(warnings[: KEPT_PROBLEMS - len(self.found.warnings)])

    def _count(self, portion: Portion, counts: Counter[str]) -> None:
        names = ("records", "rows", "refused", "blank_lines", "warnings")
        found = {name: counts[name] for name in names}
        self.found.counts[portion.part] = {**found, "files": len(portion.files)}
