"""Trains with LLaMA-Factory's own `run_exp` on the canonical stream."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import types
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ftcore.backends import Trainer, TrainOutcome
from ftcore.protocol import ModelRef, Stage, TrainSettings
from ftcore.worker.effective import base_model
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


def _inert_torchaudio() -> None:
    """Give LLaMA-Factory the module that it imports for audio and that text never uses.

    torchaudio from the package index does not load beside a CPU build of torch.
    """
    if importlib.util.find_spec("torchaudio") is None:
        module = types.ModuleType("torchaudio")
        module.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
        sys.modules["torchaudio"] = module


_inert_torchaudio()
os.environ.setdefault("LLAMAFACTORY_VERBOSITY", "WARN")

import torch  # noqa: E402
from llamafactory.hparams.parser import _TRAIN_ARGS  # noqa: E402
from llamafactory.train.sft import workflow  # noqa: E402
from llamafactory.train.sft.trainer import CustomSeq2SeqTrainer  # noqa: E402
from llamafactory.train.tuner import run_exp  # noqa: E402

ATTENTION = {"sdpa": "sdpa", "eager": "disabled"}
# Every run needs the name of a data set, which is not read.
UNREAD = "_"
# What a recipe may set under [backend.llamafactory] (see scripts/engine_options.py).
ARGUMENT_CLASSES = tuple(_TRAIN_ARGS)


class ObservedTrainer(
    StreamBatches,
    TokenValidation,
    SupervisedLogits,
    CustomSeq2SeqTrainer,  # type: ignore[misc]
):
    """LLaMA-Factory's trainer with the stream's batches and receipts, and ft's validation loss."""

    ft_settings: TrainSettings
    recorder: ClassVar[ReceiptRecorder]
    initial: ClassVar[str | None]
    last: ClassVar[ObservedTrainer]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        type(self).last = self
        self._ft_training = False
        self._ft_measured: dict[str, float] = {}
        if self.args.device.type == "cpu":
            # A rank's is "cpu:0", which torch cannot load a checkpoint's optimizer onto.
            self.args.__dict__["_setup_devices"] = torch.device("cpu")
        if self.initial and self.ft_settings.lora.init == "pissa":
            take_out(self.model, Path(self.initial))

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, with every micro-batch recorded."""
        self.recorder.watch(self.model, loss_owner=base_model(self.model))
        self._ft_training = True
        try:
            return super().train(*args, **kwargs)
        finally:
            self._ft_training = False

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure validation loss while training; another round after it tells nothing new."""
        if self._ft_training:
            self._ft_measured = super().evaluate(*args, **kwargs)
        return self._ft_measured

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save checkpoints only: the last state is saved once, where the job wants it."""
        if _internal_call:
            super().save_model(output_dir, _internal_call=True)


def quantization(model: ModelRef) -> dict[str, Any]:
    """Return LLaMA-Factory's arguments for how the frozen weights are held."""
    if model.quantization == "none":
        return {}
    return {
        "quantization_method": "bnb",
        "quantization_bit": int(model.quantization.removesuffix("bit")),
        "quantization_type": KIND,
        "double_quantization": DOUBLE,
    }


class LlamaFactoryTrainer(Trainer):
    """Trains an adapter with LLaMA-Factory's supervised fine-tuning workflow."""

    def train(self, stage: Stage) -> TrainOutcome:
        """Train on ``stage.input`` from the initial adapter ``stage.adapter``."""
        settings = self.job.settings
        stream = self.context.open_stream(str(stage.input))
        events = EventCallback(self.context, stream.tokens_per_step())
        ObservedTrainer.ft_settings, ObservedTrainer.initial = settings, stage.adapter
        ObservedTrainer.ft_stream = stream
        ObservedTrainer.recorder = self.context.receipts(stage.name, stream)
        # The workflow makes trainer, rows and batches itself, from these names.
        workflow.CustomSeq2SeqTrainer = ObservedTrainer
        workflow.get_dataset = partial(self._dataset, stream)
        workflow.SFTDataCollatorWith4DAttentionMask = self._collator
        run_exp(self.arguments(stage), common_callbacks(events, settings))
        return outcome(ObservedTrainer.last, events, stage, settings)

    def arguments(self, stage: Stage) -> dict[str, Any]:
        """Return LLaMA-Factory's arguments, each one that the recipe decides explicit."""
        settings, model, folder = self.job.settings, self.job.model, Path(self.job.folder)
        arguments = common_arguments(self.job, str(folder / "checkpoints"))
        # LLaMA-Factory switches checkpointing on by itself, with arguments of its own.
        checkpointing = arguments.pop("gradient_checkpointing")
        reentrant = arguments.pop("gradient_checkpointing_kwargs")["use_reentrant"]
        arguments.update(
            model_name_or_path=str(model_view(model, folder / "model_view")),
            adapter_name_or_path=stage.adapter,
            create_new_adapter=False,
            trust_remote_code=model.trust_remote_code,
            flash_attn=ATTENTION[model.attention],
            stage="sft",
            do_train=True,
            finetuning_type="lora" if stage.adapter else settings.method,
            # All modules of the last layers; their number is all that it takes.
            freeze_trainable_layers=len(settings.trained),
            freeze_trainable_modules="all",
            template="empty",
            dataset=UNREAD,
            eval_dataset=UNREAD if settings.eval_every else None,
            disable_shuffling=True,
            disable_gradient_checkpointing=not checkpointing,
            use_reentrant_gc=reentrant,
            resume_from_checkpoint=self.job.resume_from,
            loraplus_lr_ratio=settings.lora.plus_ratio,
            **quantization(model),
        )
        given = with_options(arguments, self.job.engine_options)
        return {key: value for key, value in given.items() if value is not None}

    def _dataset(self, stream: WorkerStream, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found = {"train_dataset": stream.rows("train")}
        if self.job.settings.eval_every:
            found["eval_dataset"] = stream.rows("validation")
        return found

    def _collator(self, **kwargs: Any) -> Any:
        settings = self.job.settings
        return partial(pad_rows, pad_id=settings.pad_id, multiple=settings.padding_multiple)


class LlamaFactoryEvaluator(SharedEvaluator):
    """Generates with ft's shared generator, so that predictions compare between backends."""


class LlamaFactoryExporter(PeftExporter):
    """Merges with PEFT, as LLaMA-Factory's own export does."""
