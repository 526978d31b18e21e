"""L1 explained: what the rows that an engine consumed have in place of the stream's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftcore.comparison.findings import Finding
from ftcore.comparison.record import Micro, Place, TrainingRecord
from ftcore.comparison.switches import option

IGNORED = -100
SHOWN = 60
Ids = tuple[int, ...]
Row = tuple[Ids, Ids]  # ids and labels
Decode = Callable[[Sequence[int]], str]

ORDER = "order"
MISSING = "micro-batches"


@dataclass(frozen=True, slots=True)
class Oddity:
    """One way in which a consumed row is not the planned one: its code and a sentence."""

    code: str
    sentence: str


def explain_rows(record: TrainingRecord, decode: Decode) -> list[Finding]:
    """Return what is different about the rows that a training consumed, the commonest first.

    Needs what the worker wrote down; without it, or where every receipt is the stream's, nothing
    is found.
    """
    if record.observed is None or not record.missed():
        return []
    rows = stored_rows(record.stream.path("train"))
    numbers = {ids: number for number, (ids, _) in enumerate(rows)}
    planned = {(s, m, r): found for s, m, r, found in record.order.iter_micro_batches()}
    touched: dict[str, set[tuple[Place, int]]] = defaultdict(set)
    said: dict[str, Oddity] = {}
    total = 0
    for place, micro in sorted(record.observed.micros.items()):
        wanted = [rows[int(number)] for number in planned.get(place, ())]
        total += len(wanted)
        for index, oddity in _oddities(micro, wanted, rows, numbers, decode):
            touched[oddity.code].add((place, index))
            said.setdefault(oddity.code, oddity)
    steps = record.steps
    switch = option(rows=str(observation_file(record.folder)))
    return [
        Finding(
            code=code,
            level="L1",
            backend=record.name,
            sentence=said[code].sentence,
            touches={
                "rows": (len(places), total),
                "steps": (len({place[0] for place, _ in places}), steps),
            },
            switch=switch,
        )
        for code, places in sorted(touched.items(), key=lambda item: -len(item[1]))
    ]


def observation_file(folder: Path) -> Path:
    """Return what the worker of a run wrote down (its first rank)."""
    return folder / "observation.jsonl"


def stored_rows(folder: Path) -> list[Row]:
    """Return the ids and labels of a stored part of the stream."""
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

    from ftcore.data.arrow_folder import DATA_FILE

    with pa.memory_map(str(folder / DATA_FILE)) as source:
        table = pa.ipc.open_stream(source).read_all()
        columns = (table[name].to_pylist() for name in ("input_ids", "labels"))
        return [(tuple(ids), tuple(labels)) for ids, labels in zip(*columns, strict=True)]


def _oddities(
    micro: Micro,
    wanted: Sequence[Row],
    rows: Sequence[Row],
    numbers: Mapping[Ids, int],
    decode: Decode,
) -> Iterator[tuple[int, Oddity]]:
    seen = list(zip(micro.ids, micro.labels, strict=True))
    if len(seen) != len(wanted):
        text = f"has micro-batches of {len(seen)} rows where {len(wanted)} were planned"
        yield 0, Oddity(MISSING, text)
    for index, row in enumerate(seen):
        planned = wanted[index] if index < len(wanted) else None
        if row == planned:
            continue
        number = numbers.get(row[0])
        if number is not None and (planned is None or row[0] != planned[0]):
            yield index, Oddity(ORDER, "takes the stream's rows in another order")
            planned = rows[number]
        if planned is None:
            yield index, Oddity("rows", "trains on rows that are not the stream's")
        elif row[0] != planned[0]:
            yield index, other_ids(planned[0], row[0], decode)
        elif row[1] != planned[1]:
            yield index, other_labels(planned, row[1], decode)


def other_labels(planned: Row, seen: Ids, decode: Decode) -> Oddity:
    """Say what other tokens of a row are trained on."""
    ids, labels = planned
    missing = [n for n, label in enumerate(labels) if label != IGNORED and seen[n] == IGNORED]
    extra = [n for n, label in enumerate(seen) if label != IGNORED and labels[n] == IGNORED]
    if any(seen[n] not in (IGNORED, ids[n]) for n in range(len(ids))):
        return Oddity("labels", "trains on labels that are not the tokens of the row")
    ends = _ends(labels)
    if missing and not extra and set(missing) <= set(ends):
        token = decode([ids[missing[0]]])
        return Oddity("end-of-turn", f"does not train on the end-of-turn token {token!r}")
    after = {n + 1 for n in ends}
    if extra and not missing and set(extra) <= after:
        text = decode([ids[extra[0]]])
        name = "the newline" if text.strip(" ") == "\n" else repr(text)
        return Oddity("newline", f"also trains on {name} after the end of the turn")
    if not missing and all(label != IGNORED for label in seen):
        return Oddity("prompt", "trains on every token, the prompt included")
    if extra and not missing:
        text = _short(decode([ids[n] for n in extra]))
        return Oddity("prompt", f"also trains on tokens of the prompt: {text}")
    if missing and all(label == IGNORED for label in seen):
        return Oddity("nothing", "trains on no token of these rows")
    return Oddity("labels", f"trains on {len(extra)} other tokens and leaves out {len(missing)}")


def other_ids(planned: Ids, seen: Ids, decode: Decode) -> Oddity:
    """Say how the tokens of a row differ."""
    if seen and seen == planned[: len(seen)]:
        return Oddity("truncation", f"cuts rows off at the end (to {len(seen)} tokens or fewer)")
    if seen and seen == planned[-len(seen) :]:
        return Oddity("truncation", f"cuts rows off at the front (to {len(seen)} tokens or fewer)")
    start = _common(planned, seen)
    end = _common(planned[start:][::-1], seen[start:][::-1])
    added, gone = seen[start : len(seen) - end], planned[start : len(planned) - end]
    if not gone and added:
        text = _short(decode(added))
        if len(added) == 1 and start == 0:
            return Oddity("first-token", f"puts {text} before each row")
        if "system" in decode(seen[: start + len(added)]).lower() and start < 8:
            return Oddity("system-prompt", f"adds a system prompt of its own: {text}")
        return Oddity("added-tokens", f"adds tokens: {text}")
    if not added:
        return Oddity("removed-tokens", f"leaves out tokens: {_short(decode(gone))}")
    if "system" in decode(planned[: start + 4]).lower() and start < 8:
        text = f"{_short(decode(added))} instead of {_short(decode(gone))}"
        return Oddity("system-prompt", f"has another system prompt: {text}")
    text = f"{_short(decode(added))} instead of {_short(decode(gone))}"
    return Oddity("other-tokens", f"has other tokens: {text}")


def _ends(labels: Ids) -> list[int]:
    """Return the last place of every run of supervised tokens."""
    following = (*labels[1:], IGNORED)
    return [
        n
        for n, (label, after) in enumerate(zip(labels, following, strict=True))
        if label != IGNORED and after == IGNORED
    ]


def _common(one: Ids, other: Ids) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")
