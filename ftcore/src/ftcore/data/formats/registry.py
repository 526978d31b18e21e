"""The formats that ft knows, by name; third parties add theirs through the hook."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

from ftcore.data.formats.alpaca import AlpacaFormat
from ftcore.data.formats.base import Format, Record
from ftcore.data.formats.conversations import ConversationsFormat
from ftcore.data.formats.messages import MessagesFormat
from ftcore.data.formats.ner import NerFormat
from ftcore.data.formats.prompt_completion import PromptCompletionFormat
from ftcore.data.formats.query_response import QueryResponseFormat
from ftcore.data.formats.text import TextFormat
from ftcore.errors import DataError

_FORMATS: dict[str, Format] = {}


def formats() -> dict[str, Format]:
    """Return every registered format by name, in order of registration."""
    return dict(_FORMATS)


def register_format(reader: Format) -> None:
    """Add a format; `DataError` when the name is taken by another one."""
    present = _FORMATS.get(reader.name)
    if reader.name == "auto" or (present is not None and type(present) is not type(reader)):
        raise DataError(
            f"the format name {reader.name!r} is taken by {_owner(present)}; "
            f"{_owner(reader)} cannot use it",
            code="data.format.taken",
        )
    _FORMATS[reader.name] = reader


def get_format(name: str) -> Format:
    """Return the format called ``name``; `DataError` with the nearest name for an unknown one."""
    if name in _FORMATS:
        return _FORMATS[name]
    near = difflib.get_close_matches(name, _FORMATS, n=1)
    known = ", ".join(_FORMATS)
    raise DataError(
        f"unknown data format {name!r}",
        hint=f"did you mean {near[0]!r}? known: {known}" if near else f"known: {known}, auto",
        code="data.format.unknown",
    )


def detect_format(records: Sequence[Record]) -> tuple[str, str]:
    """Return the one format that fits the records, and why.

    A format fits if it matches at least one record. Raises `DataError` when several fit, when
    none does, or when the one that does matches fewer than half of the records.
    """
    if not records:
        raise DataError(
            "there is no record from which to tell the format",
            hint="set data.format, or check the file",
            code="data.format.empty",
        )
    reasons: dict[str, str] = {}
    hits: Counter[str] = Counter()
    for record in records:
        for name, reader in _FORMATS.items():
            why = reader.matches(record)
            if why:
                reasons.setdefault(name, why)
                hits[name] += 1
    if len(hits) == 1:
        (name,) = hits
        if 2 * hits[name] >= len(records):
            return name, f"{reasons[name]} ({hits[name]} of {len(records)} records looked at)"
    if not hits:
        raise _nothing_fits(records)
    readings = "; ".join(f"{name}: {reasons[name]} ({hits[name]} records)" for name in hits)
    found = "the data fits" if len(hits) > 1 else "not every record fits; some fit"
    raise DataError(
        f"{found} {len(hits)} of the formats, of {len(records)} records looked at: {readings}",
        hint="set data.format to the one you mean, and data.columns where names differ",
        code="data.format.ambiguous",
        details={"fits": {name: {"records": hits[name], "why": reasons[name]} for name in hits}},
    )


def _nothing_fits(records: Sequence[Record]) -> DataError:
    keys = ", ".join(repr(key) for key in list(records[0])[:12]) or "no column"
    needs = "; ".join(f"{name}: {reader.describe}" for name, reader in _FORMATS.items())
    return DataError(
        f"no format fits the data; the first record has {keys}",
        hint=f"map your columns with [data.columns] and set data.format. Formats: {needs}",
        code="data.format.none",
    )


def _owner(reader: Format | None) -> str:
    return "a keyword" if reader is None else f"{type(reader).__module__}:{type(reader).__name__}"


for _reader in (
    MessagesFormat(),
    ConversationsFormat(),
    AlpacaFormat(),
    QueryResponseFormat(),
    PromptCompletionFormat(),
    NerFormat(),
    TextFormat(),
):
    register_format(_reader)
