"""The row formats, from their readers and from docs/examples/rows."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from docs_parts.text import block, code
from ftcore.data.formats import FormatOptions, formats
from ftcore.data.formats.base import Format

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "rows"


def reference() -> str:
    """Return every format: what it reads, two rows, and the conversation of the first."""
    parts = []
    for name, reader in formats().items():
        lines = (EXAMPLES / f"{name}.jsonl").read_text("utf-8").splitlines()
        parts += [f"### `{name}`", _about(reader), block("\n".join(lines), "json")]
        parts += ["The first row becomes:", block(_conversation(reader, lines[0]), "text")]
    return "\n\n".join(parts)


def _about(reader: Format) -> str:
    text = (inspect.getdoc(reader) or "").replace("``", "`")
    columns = ", ".join(code(column) for column in reader.columns)
    return f"{text}\n\nColumns: {columns}. Every other column stays with the row as a field."


def _conversation(reader: Format, line: str) -> str:
    turns, fields = reader.read(json.loads(line), FormatOptions())
    shown = [f"{turn.role + ':':<11}{turn.content!r}" for turn in turns]
    if fields:
        shown.append(f"fields:    {json.dumps(fields, ensure_ascii=False)}")
    return "\n".join(shown)
