"""Rows back to a file: JSONL in the ``messages`` format, fields included."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ftcore.data.rows import Row

# Half of a surrogate pair has no UTF-8 form, but Python's escape of it is JSON's as well.
ESCAPE = "backslashreplace"


def write_rows(rows: Iterable[Row], path: Path) -> int:
    """Write one row per line and return how many; `read_rows` gives the same rows back.

    Row ids and sources are not written: both follow from the content and the new place.
    """
    count = 0
    with path.open("w", encoding="utf-8", errors=ESCAPE, newline="\n") as out:
        for row in rows:
            record = {"messages": [message.to_json() for message in row.messages], **row.fields}
            out.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
            count += 1
    return count
