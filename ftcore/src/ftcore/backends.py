"""What a backend is made of: its declaration, and the three hooks that run in the worker.

The declaration (`BackendSpec`) is read in the parent and imports nothing of the engine. The
classes that it names (`Trainer`, `Evaluator`, `Exporter`) are loaded in the worker only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ftcore.protocol import Decoding, Job, Stage
    from ftcore.worker.context import WorkerContext

State = Literal["exact", "approximate", "unsupported", "not_yet"]


@dataclass(frozen=True, slots=True)
class Capability:
    """How a backend honours one recipe field (or one value of it).

    exact: as the recipe means it. approximate: ``note`` says how it differs, and the recipe must
    consent in ``accept_approximate``. unsupported: refused at plan time. not_yet: ft itself does
    not do it yet; refused likewise. ``devices`` limits where it works (empty: everywhere).
    """

    state: State
    note: str = ""
    devices: tuple[str, ...] = ()


EXACT = Capability("exact")


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """The environment that a backend's worker runs in.

    ``lock`` is a requirements file with hashes that leaves torch out: ``torch`` (a version, or ""
    for none) is installed first, from the source that fits the accelerator. ``imports`` are the
    modules that the health check imports. ``extra`` are further locks, for what only some recipes
    need; ft itself adds them.
    """

    name: str
    version: str
    lock: Path
    torch: str
    requires_python: str
    imports: tuple[str, ...]
    extra: tuple[Path, ...] = ()

    @property
    def locks(self) -> tuple[Path, ...]:
        """Every lock that is installed, the engine's first."""
        return (self.lock, *self.extra)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Which arguments of the engine a recipe may set under ``[backend.NAME]``.

    ``listing`` is a JSON file with every argument of the engine and the kinds of value that it
    takes (``scripts/engine_options.py`` writes it). ``decided`` are those that ft sets itself or
    leaves unread: argument -> the recipe field that decides it, or why it is not for a recipe.
    """

    listing: Path
    decided: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A backend as its plugin declares it.

    ``trainer``, ``evaluator`` and ``exporter`` are ``"package.module:Class"``; ``package`` is the
    folder of the plugin's import package, copied for the worker. ``capabilities`` maps a recipe
    field (``"train.lora.dora"``) or one value of it (``"train.method=full"``) to a `Capability`;
    the value wins over the field. A field that is not declared is unsupported. ``options`` is None
    where a recipe can hand nothing else to the engine. ``native_evaluator`` answers with the
    engine's own inference, where it has one.
    """

    name: str
    summary: str
    hook_api: int
    version: str
    package: Path
    environment: EnvironmentSpec
    trainer: str
    evaluator: str
    exporter: str
    capabilities: Mapping[str, Capability] = field(default_factory=dict)
    options: EngineOptions | None = None
    native_evaluator: str | None = None

    def capability(self, path: str, value: Any) -> Capability:
        """Return how the backend honours ``value`` of the recipe field ``path``."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        exact_value = self.capabilities.get(f"{path}={text}")
        missing = Capability("unsupported", f"{self.name} does not declare it")
        return exact_value or self.capabilities.get(path, missing)


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt to answer: token ids of the rendered conversation with its generation prompt."""

    row_id: str
    prompt_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one request: new token ids without the stop token, and why it ended."""

    row_id: str
    token_ids: tuple[int, ...]
    finish: Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class TrainOutcome:
    """What training made.

    ``adapter`` is the folder of the adapter (or model) to use from here on; ``steps`` the optimizer
    steps done; ``best`` and ``last`` are checkpoint folders where they exist; ``effective`` is the
    engine's own configuration as it ran, keyed by recipe field, checked against the plan.
    """

    adapter: Path
    steps: int
    effective: dict[str, Any]
    best: Path | None = None
    last: Path | None = None
    stopped: bool = False
    summary: dict[str, Any] = field(default_factory=dict)


class WorkerHook:
    """Common ground of the three hooks: each gets the worker's context and the whole job."""

    def __init__(self, context: WorkerContext, job: Job) -> None:
        self.context = context
        self.job = job


class Trainer(WorkerHook, ABC):
    """Trains on the canonical stream with the engine's own machinery.

    Example::

        class MyTrainer(Trainer):
            def train(self, stage):
                stream = self.context.open_stream(stage)      # micro-batches in canonical order
                recorder = self.context.receipts(stage)       # digests what the engine consumed
                ...                                           # the engine's own training loop
                return TrainOutcome(adapter=Path(stage.output), steps=..., effective={...})
    """

    @abstractmethod
    def train(self, stage: Stage) -> TrainOutcome:
        """Train, save the adapter under ``stage.output`` and say what was really used."""


class Evaluator(WorkerHook, ABC):
    """Answers prompts; scoring is the core's."""

    def load(self, stage: Stage) -> None:
        """Load what answers ``stage``; its time is kept apart from that of the answers."""

    @abstractmethod
    def generate(
        self, stage: Stage, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[Prediction]:
        """Yield one prediction per request, in any order, as soon as each is known."""


class Exporter(WorkerHook, ABC):
    """Writes what leaves ft: the adapter, merged weights."""

    @abstractmethod
    def export(self, stage: Stage, formats: Iterable[str]) -> dict[str, Any]:
        """Write each format under ``stage.output`` and return what was written.

        By format: ``path`` (file or folder) and ``bytes``, and whatever else the report may show.
        """
