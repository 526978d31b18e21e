"""What parent and worker say to each other: job, events, receipts, result; all of it files.

The parent writes ``job.json``; the worker appends whole lines to ``events.jsonl`` and
``receipts.jsonl`` and writes ``result.json`` last, by atomic rename. Every file carries the
protocol version. Decoding is strict: a missing, unknown or wrongly typed field is a
`ProtocolViolation` that names it.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from typing import Any, Literal

from ftcore.wire import (
    PROTOCOL_VERSION,
    decode,
    encode,
    finite,
    parse,
    plain,
    read_message,
    write_json,
    write_message,
)

__all__ = [
    "EVENT_TYPES",
    "MEETING",
    "NODES",
    "PROTOCOL_VERSION",
    "STOP_REQUEST",
    "Decoding",
    "Event",
    "EventType",
    "Failure",
    "Job",
    "LoraSettings",
    "Meeting",
    "ModelRef",
    "RankFailure",
    "Receipt",
    "Result",
    "Stage",
    "StageKind",
    "TrainSettings",
    "decode",
    "encode",
    "finite",
    "parse",
    "plain",
    "read_message",
    "write_json",
    "write_message",
]

StageKind = Literal["generate", "train", "export"]
EventType = Literal[
    "started", "progress", "metric", "checkpoint", "artifact", "warning", "heartbeat", "finished"
]
EVENT_TYPES: tuple[str, ...] = typing.get_args(EventType)

# Where, in the run directory, a stop is asked for and several machines meet.
STOP_REQUEST = "stop.request"
NODES = "nodes"
MEETING = f"{NODES}/meeting.json"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The base model as the worker loads it: a verified local folder and how to hold it."""

    folder: str
    dtype: Literal["float32", "bfloat16", "float16"]
    attention: str
    trust_remote_code: bool
    quantization: Literal["none", "8bit", "4bit"] = "none"


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
    ``trained`` says what is trained where no adapter is: the beginnings of its parameters' names,
    [""] for all of them; empty for an adapter.
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
    trained: list[str] = field(default_factory=list)
    neftune_alpha: float | None = None
    min_lr_ratio: float | None = None
    virtual_tokens: int | None = None

    @property
    def narrow_loss(self) -> bool:
        """Whether the loss needs logits only where a label follows: ft's standard one.

        Virtual tokens in front of a row would shift the places.
        """
        return self.loss == "standard" and self.virtual_tokens is None


@dataclass(frozen=True, slots=True)
class Decoding:
    """Decoding with every field explicit; ``stop_ids`` end an answer.

    ``max_batch_tokens`` bounds what is answered together: rows times padded prompt and answer.
    """

    max_new_tokens: int
    do_sample: bool
    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float
    max_batch_tokens: int
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
    """All that one worker does: its stages, in order, in one process.

    ``observe`` asks for ``observation.jsonl``, for a run that is to be compared; ``deterministic``
    for kernels that give the same bits every time, where there are such; ``switches`` has the
    plain loop do one thing differently.

    ``world_size`` processes train together, the same number on each of ``nodes`` machines.

    A run that goes on trains from the checkpoint ``resume_from``, which has ``first_step``
    optimizer steps behind it; ``finished`` is what earlier workers of the run made, by stage.
    """

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
    first_step: int = 0
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    engine_options: dict[str, Any] = field(default_factory=dict)
    observe: bool = False
    deterministic: bool = False
    switches: dict[str, Any] = field(default_factory=dict)
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where the ``nodes`` machines of a training meet: the first one's ``address`` and ``port``.

    ``begun`` once all have come.
    """

    version: int
    nodes: int
    address: str
    port: int
    begun: bool = False


@dataclass(frozen=True, slots=True)
class RankFailure:
    """What ended a machine's part of a training: the rank that failed first on it, and when."""

    version: int
    rank: int
    exit_code: int
    time: float


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
