"""Holds what the engine did against what was planned: receipts, and its effective configuration."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from ftcore.data.stored_stream import Stream
from ftcore.errors import (
    EffectiveConfigMismatch,
    GuaranteeError,
    ProtocolViolation,
    ReceiptMismatch,
)
from ftcore.protocol import ModelRef, Receipt, TrainSettings
from ftcore.rendering.order import Order


class ReceiptCheck:
    """Compares receipts with the stream as they arrive; the first difference ends the run."""

    def __init__(self, stream: Stream, order: Order) -> None:
        self._expected: Iterator[tuple[int, int, int, str]] = stream.expected_receipts(
            order, "train"
        )
        # Receipts of one rank come in order; those of several come as it happens.
        self._waiting: dict[int, deque[tuple[int, int, int, str]]] = defaultdict(deque)
        self._ranks = order.shape.world_size
        self.planned = order.micro_batches
        self.seen = 0
        self.errors: list[GuaranteeError] = []

    def __call__(self, receipt: Receipt) -> None:
        """Check one receipt; raises `ReceiptMismatch` that names the micro-batch."""
        step, micro, rank, digest = self._next(receipt.rank)
        if (receipt.step, receipt.micro, receipt.rank, receipt.digest) != (
            step,
            micro,
            rank,
            digest,
        ):
            self.failed(
                ReceiptMismatch(
                    f"micro-batch {self.seen + 1} (step {receipt.step + 1}) is not the stream's: "
                    "the engine consumed other ids, labels or rows than planned",
                    hint="this is a defect of the backend; report it with the run directory",
                    details={"expected": digest, "found": receipt.digest, "step": receipt.step},
                )
            )
        self.seen += 1

    def _next(self, rank: int) -> tuple[int, int, int, str]:
        """Return what is expected next of a rank; one that is none is held against the first."""
        rank = rank if 0 <= rank < self._ranks else 0
        while not self._waiting[rank]:
            found = next(self._expected, None)
            if found is None:
                return -1, -1, -1, ""
            self._waiting[found[2]].append(found)
        return self._waiting[rank].popleft()

    def finish(self, steps: int, order: Order, *, early: bool = False) -> None:
        """Check that training went its whole way and that every micro-batch left a receipt.

        ``steps`` are those done; ``early`` says that the recipe lets training end before the plan.
        """
        if steps != order.steps and not (early and 0 < steps < order.steps):
            self.failed(
                ReceiptMismatch(
                    f"the engine did {steps} of {order.steps} planned steps",
                    hint="this is a defect of the backend; report it with the run directory",
                )
            )
        due = sum(1 for step, _, _, _ in order.iter_micro_batches() if step < steps)
        if self.seen != due:
            self.failed(
                ReceiptMismatch(
                    f"{steps} steps need {due} receipts, {self.seen} were written",
                    hint="this is a defect of the backend; report it with the run directory",
                )
            )

    def failed(self, error: GuaranteeError) -> None:
        """End the run with what does not hold."""
        raise error


class Evidence(ReceiptCheck):
    """A check whose run is to be compared: what does not hold is kept in ``errors``, not raised."""

    def failed(self, error: GuaranteeError) -> None:
        """Keep what does not hold."""
        self.errors.append(error)


# Field of `recipe_fields` in engine_config.json -> attribute of TrainSettings, or of ModelRef.
PLANNED = {
    "train.max_steps": "steps",
    "train.batch_size": "batch_size",
    "train.accumulation": "accumulation",
    "train.learning_rate": "learning_rate",
    "train.optimizer": "optimizer",
    "train.beta1": "beta1",
    "train.beta2": "beta2",
    "train.epsilon": "epsilon",
    "train.weight_decay": "weight_decay",
    "train.max_grad_norm": "max_grad_norm",
    "train.warmup_steps": "warmup_steps",
    "train.gradient_checkpointing": "gradient_checkpointing",
    "train.seed": "seed",
    "train.scheduler": "scheduler",
    "train.precision": "precision",
    "train.neftune_alpha": "neftune_alpha",
    "trainable_parameters": "trainable_parameters",
}
PLANNED_LORA = {
    "train.lora.rank": "lora.rank",
    "train.lora.alpha": "lora.alpha",
    "train.lora.dropout": "lora.dropout",
    "train.lora.rslora": "lora.rslora",
    "train.lora.dora": "lora.dora",
    "train.lora.targets": "lora.targets",
    "train.lora.plus_ratio": "lora.plus_ratio",
}
PLANNED_MODEL = {"model.dtype": "dtype", "model.attention": "attention"}


def check_effective(effective: Any, settings: TrainSettings, model: ModelRef) -> None:
    """Compare the engine's own configuration, as it ran, with the plan, field by field.

    Raises `EffectiveConfigMismatch` naming every field that differs or is missing, and
    `ProtocolViolation` for what is no such configuration.
    """
    fields = effective.get("recipe_fields") if isinstance(effective, dict) else None
    if not isinstance(fields, dict):
        raise ProtocolViolation("engine_config.json has no recipe_fields")
    wrong = [
        f"{field}: planned {planned!r}, the engine used {fields.get(field)!r}"
        for field, planned in planned_fields(settings, model).items()
        if field not in fields or fields[field] != planned
    ]
    if wrong:
        raise EffectiveConfigMismatch(
            "the engine did not run what was planned: " + "; ".join(wrong),
            hint="this is a defect of the backend; report it with the run directory",
        )


def planned_fields(settings: TrainSettings, model: ModelRef) -> dict[str, Any]:
    """Return what every engine must report to have used, by recipe field."""
    names = PLANNED | (PLANNED_LORA if settings.method == "lora" else {})
    if settings.min_lr_ratio is not None:
        names |= {"train.min_lr_ratio": "min_lr_ratio"}
    if settings.virtual_tokens is not None:
        names |= {"train.prompt.virtual_tokens": "virtual_tokens"}
    training = {field: attrgetter(name)(settings) for field, name in names.items()}
    held = PLANNED_MODEL
    if model.quantization != "none":
        held = held | {"model.quantization": "quantization"}
    return training | {field: getattr(model, name) for field, name in held.items()}
