"""Trains with ms-swift's own `SwiftSft` pipeline on the canonical stream."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

# Read while ms-swift is imported: its other hub would be asked for models otherwise.
os.environ["USE_HF"] = "1"

import swift.trainers
from swift import SftArguments
from swift.callbacks import callbacks_map
from swift.loss import BaseLoss, loss_map
from swift.pipelines.train.sft import SwiftSft
from torch.utils.data import Dataset
from transformers.loss.loss_utils import ForCausalLMLoss

from ft_swift.model_type import model_type
from ftcore.backends import Trainer, TrainOutcome
from ftcore.protocol import ModelRef, Stage, TrainSettings
from ftcore.worker.exporter import PeftExporter
from ftcore.worker.generator import SharedEvaluator
from ftcore.worker.hf_trainer import EventCallback, common_arguments, common_callbacks, outcome
from ftcore.worker.model_view import model_view
from ftcore.worker.options import with_options
from ftcore.worker.pissa import take_out
from ftcore.worker.quantized import DOUBLE, KIND
from ftcore.worker.receipts import ReceiptRecorder
from ftcore.worker.stream import WorkerStream, pad_rows
from ftcore.worker.stream_batches import StreamBatches
from ftcore.worker.supervised import SupervisedLogits
from ftcore.worker.validation import TokenValidation

LOSS = "ft_standard"
# Every run needs the names of a data set and a template; neither is read.
UNREAD, TEMPLATE = "_", "chatml"
# What a recipe may set under [backend.swift] (see scripts/engine_options.py).
ARGUMENT_CLASSES = (SftArguments,)


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


class ObservedTrainer(
    StreamBatches,
    TokenValidation,
    SupervisedLogits,
    swift.trainers.Seq2SeqTrainer,  # type: ignore[misc]
):
    """ms-swift's trainer with the stream's batches and receipts, and ft's validation loss."""

    ft_settings: TrainSettings
    recorder: ClassVar[ReceiptRecorder]
    last: ClassVar[ObservedTrainer]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        type(self).last = self

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, with every micro-batch recorded."""
        # The standard loss records its labels itself, where they are consumed.
        self.recorder.watch_forward(self.model, labels=self.ft_settings.loss != "standard")
        return super().train(*args, **kwargs)

    def _compute_acc(self, *args: Any, **kwargs: Any) -> None:
        """Leave out the accuracy of each micro-batch's tokens: nobody reads it, and it costs."""


class StreamPipeline(SwiftSft):  # type: ignore[misc]
    """`SwiftSft` on rows that are tokenised already."""

    stream: ClassVar[WorkerStream]
    ft_settings: ClassVar[TrainSettings]
    initial: ClassVar[str | None]

    def _prepare_dataset(self) -> list[Any]:
        settings = self.ft_settings
        self.template.data_collator = partial(
            _collate, pad_id=settings.pad_id, multiple=settings.padding_multiple
        )
        validation = Rows(self.stream.rows("validation")) if settings.eval_every else None
        return [Rows(self.stream.rows("train")), validation]

    @classmethod
    def prepare_model(cls, args: Any, model: Any, **kwargs: Any) -> Any:
        """Attach the initial adapter, and LoRA+'s ratio, which ms-swift looks for on it."""
        model = super().prepare_model(args, model, **kwargs)
        if args.lorap_lr_ratio is not None:
            model.peft_config["default"].lorap_lr_ratio = args.lorap_lr_ratio
        if cls.initial and cls.ft_settings.lora.init == "pissa":
            take_out(model, Path(cls.initial))
        return model


def quantization(model: ModelRef) -> dict[str, Any]:
    """Return ms-swift's arguments for how the frozen weights are held."""
    if model.quantization == "none":
        return {}
    return {
        "quant_method": "bnb",
        "quant_bits": int(model.quantization.removesuffix("bit")),
        "bnb_4bit_quant_type": KIND,
        "bnb_4bit_use_double_quant": DOUBLE,
        "bnb_4bit_compute_dtype": model.dtype,
    }


class SwiftTrainer(Trainer):
    """Trains an adapter with ms-swift's supervised fine-tuning pipeline."""

    def train(self, stage: Stage) -> TrainOutcome:
        """Train on ``stage.input`` from the initial adapter ``stage.adapter``."""
        settings = self.job.settings
        stream = self.context.open_stream(str(stage.input))
        events = EventCallback(self.context, stream.tokens_per_step())
        # ms-swift makes pipeline, trainer, loss and callbacks itself, by name.
        StreamPipeline.stream, StreamPipeline.ft_settings = stream, settings
        StreamPipeline.initial = stage.adapter
        ObservedTrainer.ft_settings, ObservedTrainer.ft_stream = settings, stream
        ObservedTrainer.recorder = self.context.receipts(stage.name, stream)
        StandardLoss.recorder = ObservedTrainer.recorder
        swift.trainers.Seq2SeqTrainer = ObservedTrainer
        loss_map[LOSS] = StandardLoss
        made = {f"ft_{n}": c for n, c in enumerate(common_callbacks(events, settings))}
        callbacks_map.update({name: partial(_given, made[name]) for name in made})
        StreamPipeline(SftArguments(**self.arguments(stage, list(made)))).main()
        return outcome(ObservedTrainer.last, events, stage, settings)

    def arguments(self, stage: Stage, callbacks: list[str]) -> dict[str, Any]:
        """Return ms-swift's arguments, each one that the recipe decides explicit."""
        settings, model, folder = self.job.settings, self.job.model, Path(self.job.folder)
        shown = model_view(model, folder / "model_view")
        arguments = common_arguments(self.job, str(folder / "checkpoints"))
        for name in ("push_to_hub", "remove_unused_columns"):
            arguments.pop(name)
        arguments.update(
            model=str(shown),
            model_type=model_type(shown),
            template=TEMPLATE,
            torch_dtype=model.dtype,
            attn_impl=model.attention,
            device_map="cpu" if self.job.device == "cpu" else None,
            adapters=[stage.adapter] if stage.adapter else [],
            tuner_type="lora" if stage.adapter else "full",
            # Without an adapter: all is frozen, then what is trained made trainable again.
            freeze_parameters=[""] if settings.trained else [],
            trainable_parameters=settings.trained,
            dataset=[UNREAD],
            val_dataset=[UNREAD] if settings.eval_every else [],
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
            loss_type=LOSS if settings.loss == "standard" else None,
            lorap_lr_ratio=settings.lora.plus_ratio,
            **quantization(model),
        )
        return with_options(arguments, self.job.engine_options)


class SwiftEvaluator(SharedEvaluator):
    """Generates with ft's shared generator, so that predictions compare between backends."""


class SwiftExporter(PeftExporter):
    """Merges with PEFT, as ms-swift's own export does."""


def _collate(rows: list[dict[str, Any]], *, pad_id: int, multiple: int, **kwargs: Any) -> Any:
    return pad_rows(rows, pad_id=pad_id, multiple=multiple)


def _given(callback: Any, *args: Any, **kwargs: Any) -> Any:
    """Return ``callback`` where ms-swift wants to make one from arguments and trainer."""
    return callback
