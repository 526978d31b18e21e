"""Trains with ms-swift's own `SwiftSft` pipeline; the only file that imports ms-swift."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

os.environ.update(USE_HF="1", HF_HUB_OFFLINE="1")

import swift.trainers
from swift import SftArguments
from swift.callbacks import callbacks_map
from swift.loss import BaseLoss, loss_map
from swift.pipelines.train.sft import SwiftSft
from torch.utils.data import Dataset
from transformers.loss.loss_utils import ForCausalLMLoss

from ftcore.backends import Trainer, TrainOutcome
from ftcore.protocol import Stage, TrainSettings
from ftcore.worker.exporter import PeftExporter
from ftcore.worker.generator import SharedEvaluator
from ftcore.worker.hf_trainer import (
    EventCallback,
    common_arguments,
    common_callbacks,
    outcome,
    validation_loss,
)
from ftcore.worker.receipts import ReceiptRecorder
from ftcore.worker.stream import WorkerStream, pad_rows

LOSS = "ft_standard"


class StandardLoss(BaseLoss):  # type: ignore[misc]
    """The common causal-LM loss, summed over the accumulation group's supervised tokens.

    ms-swift's own multiplies a batch mean by its share of the tokens instead.
    """

    recorder: ClassVar[ReceiptRecorder]

    def __call__(
        self, outputs: Any, labels: Any, *, num_items_in_batch: Any = None, **kwargs: Any
    ) -> Any:
        """Return nats per supervised token of the whole group."""
        loss = self.recorder.wrap_loss(ForCausalLMLoss)
        vocabulary = outputs.logits.shape[-1]
        return loss(outputs.logits, labels, vocabulary, num_items_in_batch=num_items_in_batch)


class Rows(Dataset):  # type: ignore[misc]
    """The stream's rows as ms-swift's pipeline takes encoded rows."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        return {**row, "length": len(row["input_ids"])}


class ObservedTrainer(swift.trainers.Seq2SeqTrainer):  # type: ignore[misc]
    """ms-swift's trainer with the stream's receipts and ft's validation loss."""

    settings: ClassVar[TrainSettings]
    recorder: ClassVar[ReceiptRecorder]
    last: ClassVar[ObservedTrainer]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        type(self).last = self

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, with every micro-batch recorded."""
        standard = self.settings.loss == "standard"
        base = self.model.get_base_model()
        # With "standard" the labels are recorded in `StandardLoss`, where they are consumed.
        self.recorder.watch(self.model, loss_owner=None if not standard else Unwrapped(base))
        return super().train(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure validation loss by tokens; ms-swift's own is a mean of batch means."""
        loss = validation_loss(
            self.model, self.eval_dataset, self.settings, self.compute_loss_context_manager
        )
        metrics = {"eval_loss": loss}
        self.log(dict(metrics))
        self.control: Any = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


class Unwrapped:
    """Stands where the recorder would wrap a model's loss that ms-swift does not call."""

    def __init__(self, module: Any) -> None:
        self.loss_function = module.loss_function


class StreamPipeline(SwiftSft):  # type: ignore[misc]
    """`SwiftSft` on rows that are tokenised already."""

    stream: ClassVar[WorkerStream]
    settings: ClassVar[TrainSettings]

    def _prepare_dataset(self) -> list[Any]:
        settings = self.settings
        self.template.data_collator = partial(
            _collate, pad_id=settings.pad_id, multiple=settings.padding_multiple
        )
        validation = Rows(self.stream.rows("validation")) if settings.eval_every else None
        return [Rows(self.stream.sequence()), validation]


class SwiftTrainer(Trainer):
    """Trains an adapter with ms-swift's supervised fine-tuning pipeline."""

    def train(self, stage: Stage) -> TrainOutcome:
        """Train on ``stage.input`` from the initial adapter ``stage.adapter``."""
        settings = self.job.settings
        StreamPipeline.stream = self.context.open_stream(str(stage.input))
        StreamPipeline.settings = ObservedTrainer.settings = settings
        recorder = self.context.receipts(stage.name, StreamPipeline.stream)
        ObservedTrainer.recorder = StandardLoss.recorder = recorder
        swift.trainers.Seq2SeqTrainer = ObservedTrainer
        loss_map[LOSS] = StandardLoss
        events = EventCallback(self.context, StreamPipeline.stream.tokens_per_step())
        names = []
        for number, callback in enumerate(common_callbacks(events, settings)):
            names.append(f"ft_{number}")
            # ms-swift builds its callbacks itself, as callback(args, trainer).
            callbacks_map[names[-1]] = partial(_given, callback)
        StreamPipeline(SftArguments(**self.arguments(stage, names))).main()
        return outcome(ObservedTrainer.last, events, stage, settings)

    def arguments(self, stage: Stage, callbacks: list[str]) -> dict[str, Any]:
        """Return ms-swift's arguments, each one that the recipe decides explicit."""
        settings, model = self.job.settings, self.job.model
        arguments = common_arguments(
            settings, self.job.device, str(Path(self.job.folder) / "checkpoints")
        )
        for name in ("push_to_hub", "remove_unused_columns"):
            arguments.pop(name)
        arguments.update(
            model=model.folder,
            model_type="llama",
            template="chatml",
            torch_dtype=model.dtype,
            attn_impl=model.attention,
            adapters=[stage.adapter],
            tuner_type="lora",
            dataset=["_"],
            val_dataset=["_"] if settings.eval_every else [],
            split_dataset_ratio=0.0,
            dataset_shuffle=False,
            train_dataloader_shuffle=False,
            report_to=["none"],
            check_model=False,
            add_version=False,
            load_args=False,
            strict=True,
            use_logits_to_keep=False,
            callbacks=callbacks,
            resume_from_checkpoint=self.job.resume_from,
        )
        if settings.loss == "standard":
            arguments["loss_type"] = LOSS
        if settings.lora.plus_ratio is not None:
            arguments.update(optimizer="lorap", lorap_lr_ratio=settings.lora.plus_ratio)
        return arguments


class SwiftEvaluator(SharedEvaluator):
    """Generates with ft's shared generator, so that predictions compare between backends."""


class SwiftExporter(PeftExporter):
    """Merges with PEFT, as ms-swift's own export does."""


def _collate(rows: list[dict[str, Any]], *, pad_id: int, multiple: int, **kwargs: Any) -> Any:
    return pad_rows(rows, pad_id=pad_id, multiple=multiple)


def _given(callback: Any, *args: Any, **kwargs: Any) -> Any:
    return callback
