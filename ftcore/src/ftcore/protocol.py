"""What parent and worker say to each other: job, events, receipts, result; all of it files.

The parent writes ``job.json``; the worker appends whole lines to ``events.jsonl`` and
``receipts.jsonl`` and writes ``result.json`` last, by atomic rename. Every file carries the
protocol version. Decoding is strict: a missing, unknown or wrongly typed field is a
`ProtocolViolation` that names it.
"""

from __future__ import annotations

import json
import math
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from ftcore.errors import ProtocolViolation

PROTOCOL_VERSION = 1

StageKind = Literal["generate", "train", "export"]
EventType = Literal[
    "started", "progress", "metric", "checkpoint", "artifact", "warning", "heartbeat", "finished"
]
EVENT_TYPES: tuple[str, ...] = typing.get_args(EventType)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The base model as the worker loads it: a verified local folder and how to hold it."""

    folder: str
    dtype: Literal["float32", "bfloat16", "float16"]
    attention: str
    trust_remote_code: bool


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """The adapter; the meaning of each field is that of ``[train.lora]``."""

    rank: int
    alpha: float
    dropout: float
    targets: list[str]
    rslora: bool
    dora: bool
    init: str
    plus_ratio: float | None


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Every number that training depends on; nothing is left to an engine's default.

    ``steps`` are optimizer steps; ``warmup_steps`` is already resolved from a ratio.
    ``eval_every``, ``save_every`` and ``patience`` are None where the recipe does not ask.
    """

    method: str
    loss: Literal["standard", "engine"]
    steps: int
    epochs: float
    batch_size: int
    accumulation: int
    learning_rate: float
    scheduler: str
    warmup_steps: int
    optimizer: str
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    max_grad_norm: float
    precision: Literal["fp32", "bf16", "fp16"]
    gradient_checkpointing: bool
    padding_multiple: int
    seed: int
    eval_every: int | None
    patience: int | None
    load_best: bool
    save_every: int | None
    keep_checkpoints: int
    pad_id: int
    trainable_parameters: int
    lora: LoraSettings


@dataclass(frozen=True, slots=True)
class Decoding:
    """Decoding with every field explicit; ``stop_ids`` end an answer."""

    max_new_tokens: int
    do_sample: bool
    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float
    batch_size: int
    seed: int
    pad_id: int
    stop_ids: list[int]


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a job.

    ``name`` is unique in the job ("before", "train", "after", ...). ``adapter`` is the adapter
    folder that the stage starts from, or None for the base model. ``input`` is the requests file
    (generate) or the stream folder (train); ``output`` is the file or folder that it writes.
    ``options`` is small stage-specific data such as the export formats.
    """

    name: str
    kind: StageKind
    output: str
    input: str | None = None
    adapter: str | None = None
    decoding: Decoding | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """All that one worker does: its stages, in order, in one process."""

    version: int
    run: str
    folder: str
    backend: str
    trainer: str
    evaluator: str
    exporter: str
    device: str
    threads: int | None
    world_size: int
    model: ModelRef
    settings: TrainSettings
    stages: list[Stage]
    resume_from: str | None = None
    engine_options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of ``events.jsonl``; ``data`` depends on ``type``."""

    version: int
    sequence: int
    time: float
    type: EventType
    stage: str | None
    rank: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The digest of one micro-batch as the engine consumed it (see `rendering.digests`)."""

    version: int
    stage: str
    step: int
    micro: int
    rank: int
    digest: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a worker failed.

    ``kind``: "engine" for an error of the engine, "memory" for one that means too little memory,
    "expected" for an `FtError`; ``type`` is the name of its class, ``code`` and ``hint`` are its.
    """

    kind: Literal["engine", "memory", "expected"]
    stage: str | None
    type: str
    message: str
    hint: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The worker's last word: what each stage made, or why it failed."""

    version: int
    status: Literal["ok", "failed", "stopped"]
    stages: dict[str, dict[str, Any]]
    versions: dict[str, str]
    failure: Failure | None = None


def encode(message: Any) -> dict[str, Any]:
    """Return a protocol dataclass as JSON-ready data; non-finite numbers become None."""
    return typing.cast(dict[str, Any], finite(asdict(message)))


def finite(value: Any) -> Any:
    """Replace NaN and infinities by None, everywhere inside ``value``: JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def decode(cls: type[T], data: Any, where: str = "") -> T:
    """Build a protocol dataclass from parsed JSON.

    Raises `ProtocolViolation` for a missing, unknown or wrongly typed field, a number that is not
    finite, or a version that this ftcore does not speak.
    """
    where = where or cls.__name__
    if not isinstance(data, Mapping):
        raise ProtocolViolation(f"{where}: expected an object, found {type(data).__name__}")
    hints, required = _fields(cls)  # type: ignore[arg-type]  # classes are hashable
    version = data.get("version", PROTOCOL_VERSION)
    # First, since another version may well have other fields.
    if "version" in hints and version != PROTOCOL_VERSION:
        raise ProtocolViolation(f"{where}: protocol version {version!r}, not {PROTOCOL_VERSION}")
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise ProtocolViolation(f"{where}: unknown field {unknown[0]!r}")
    missing = sorted(required - set(data))
    if missing:
        raise ProtocolViolation(f"{where}: field {missing[0]!r} is missing")
    return cls(**{n: _value(hints[n], item, f"{where}.{n}") for n, item in data.items()})


@cache
def _fields(cls: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the fields of a dataclass with their types, and which of them have no default."""
    hints = typing.get_type_hints(cls)
    known = fields(cls)
    required = {f.name for f in known if f.default is MISSING and f.default_factory is MISSING}
    return {f.name: hints[f.name] for f in known}, frozenset(required)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if is_dataclass(hint):
        return decode(hint, value, where)  # type: ignore[arg-type]
    if origin is Literal:
        return _checked(value in typing.get_args(hint), value, where, _one_of(hint))
    if origin in (typing.Union, types.UnionType):
        return _union(hint, value, where)
    if origin is list:
        _checked(isinstance(value, list), value, where, "a list")
        (inner,) = typing.get_args(hint)
        return [_value(inner, item, f"{where}[{index}]") for index, item in enumerate(value)]
    if origin is dict:
        _checked(isinstance(value, Mapping), value, where, "an object")
        inner = typing.get_args(hint)[1]
        return {key: _value(inner, item, f"{where}.{key}") for key, item in value.items()}
    if hint is float:
        return _number(value, where)
    good = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    return _checked(good, value, where, hint.__name__)


def _one_of(hint: Any) -> str:
    return "one of " + ", ".join(typing.get_args(hint))


def _number(value: Any, where: str) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    _checked(good, value, where, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return float(_checked(math.isfinite(number), number, where, "a finite number"))


def _union(hint: Any, value: Any, where: str) -> Any:
    options = typing.get_args(hint)
    if value is None:
        return _checked(type(None) in options, value, where, "a value")
    (inner,) = [option for option in options if option is not type(None)]
    return _value(inner, value, where)


def _checked(good: bool, value: Any, where: str, expected: str) -> Any:
    if not good:
        raise ProtocolViolation(f"{where}: expected {expected}, found {value!r}"[:400])
    return value


def plain(value: Any) -> Any:
    """Return JSON-ready data for what engines keep in their configurations: sets, paths, enums."""
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)


def parse(text: str | bytes) -> Any:
    """Parse JSON; ValueError also for ``NaN`` and ``Infinity``, which are none."""
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_message(cls: type[T], path: Path) -> T:
    """Read one protocol file; `ProtocolViolation` when it is missing, not JSON or not valid."""
    try:
        data = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProtocolViolation(f"{path.name} cannot be read: {error}") from error
    return decode(cls, data)


def write_message(message: Any, path: Path) -> None:
    """Write one protocol file by atomic rename, so that a reader never sees half of it."""
    write_json(encode(message), path)


def write_json(data: Any, path: Path) -> None:
    """Write JSON by atomic rename; non-finite numbers become null."""
    text = json.dumps(finite(data), ensure_ascii=False, indent=2, allow_nan=False, default=plain)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # Half a surrogate pair, as in a file's name, has no UTF-8; the escape is valid JSON.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
