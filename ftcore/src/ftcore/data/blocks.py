"""Files cut into blocks that any process can turn into records: the million-row path."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ftcore.data.compression import damage_errors, open_bytes
from ftcore.data.files import Found, damaged, iter_file, iter_jsonl
from ftcore.data.sources import DataFile, file_kind

BLOCK_BYTES = 1 << 20
BLOCK_RECORDS = 1000


@dataclass(slots=True)
class Block:
    """Part of one file: whole lines of JSONL, not parsed yet, or records already found."""

    name: str
    first_line: int = 1
    data: bytes = b""
    found: Sequence[Found] = ()

    def records(self) -> Iterator[Found]:
        """Yield what is in the block, as `iter_file` would."""
        if self.data:
            yield from iter_jsonl(io.BytesIO(self.data), self.name, self.first_line)
        yield from self.found


def iter_blocks(file: DataFile) -> Iterator[Block]:
    """Cut a file into blocks, in order; only JSONL is left for others to parse."""
    if file_kind(file.path) == ".jsonl":
        yield from _line_blocks(file)
        return
    records = iter_file(file)
    while found := list(itertools.islice(records, BLOCK_RECORDS)):
        yield Block(file.name, found=found)


def _line_blocks(file: DataFile) -> Iterator[Block]:
    line = 1
    with open_bytes(file.path, file.name) as stream:
        while True:
            try:
                data = stream.read(BLOCK_BYTES)
                data += stream.readline()
            except damage_errors() as error:
                yield Block(file.name, found=[Found(0, problem=damaged(file.name, error))])
                return
            if not data:
                return
            if line == 1 and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
                yield Block(file.name, line, data[:4])  # enough to see that it is not UTF-8
                return
            yield Block(file.name, line, data)
            line += data.count(b"\n")
