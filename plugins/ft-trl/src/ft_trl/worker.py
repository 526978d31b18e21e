"""Trains with TRL's `SFTTrainer` on the canonical stream; the only file that imports TRL."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from torch.utils.data import SequentialSampler
from transformers import Trainer
from trl import SFTConfig, SFTTrainer

from ftcore.backends import Trainer as FtTrainer
from ftcore.backends import TrainOutcome
from ftcore.protocol import Stage, TrainSettings
from ftcore.worker.effective import base_model
from ftcore.worker.exporter import PeftExporter
from ftcore.worker.generator import SharedEvaluator
from ftcore.worker.hf_trainer import (
    EventCallback,
    common_arguments,
    common_callbacks,
    outcome,
)
from ftcore.worker.loading import load_base, load_tokenizer, train_in_place
from ftcore.worker.receipts import ReceiptRecorder
from ftcore.worker.stream import WorkerStream, pad_rows
from ftcore.worker.validation import TokenValidation


class CanonicalSFTTrainer(TokenValidation, SFTTrainer):  # type: ignore[misc]
    """`SFTTrainer` that takes the rows in the stream's order and the recipe's loss."""

    def __init__(self, *, settings: TrainSettings, **kwargs: Any) -> None:
        self.ft_settings = settings
        super().__init__(**kwargs)

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the common causal-LM loss, or TRL's fused one where the recipe says "engine"."""
        if self.ft_settings.loss == "engine":
            return super().compute_loss(*args, **kwargs)
        return Trainer.compute_loss(self, *args, **kwargs)

    def create_optimizer(self, model: Any = None) -> Any:
        """Create AdamW, with LoRA+'s two rates where the recipe asks for them."""
        ratio = self.ft_settings.lora.plus_ratio
        if ratio is None or self.optimizer is not None:
            return super().create_optimizer()
        settings = self.ft_settings
        self.optimizer: Any = create_loraplus_optimizer(
            self.model,
            torch.optim.AdamW,
            lr=settings.learning_rate,
            loraplus_lr_ratio=ratio,
            loraplus_weight_decay=settings.weight_decay,
            betas=(settings.beta1, settings.beta2),
            eps=settings.epsilon,
        )
        return self.optimizer


class TrlTrainer(FtTrainer):
    """Trains a PEFT adapter with `SFTTrainer`."""

    def train(self, stage: Stage) -> TrainOutcome:
        """Train on ``stage.input`` from the initial adapter ``stage.adapter``."""
        stream = self.context.open_stream(str(stage.input))
        network = self._network(stage)
        events = EventCallback(self.context, stream.tokens_per_step())
        checkpoints = Path(self.job.folder) / "checkpoints"
        trainer = self._trainer(network, stream, events, str(checkpoints))
        self._watch(trainer.model, self.context.receipts(stage.name, stream))
        trainer.train(resume_from_checkpoint=self.job.resume_from)
        return outcome(trainer, events, stage, self.job.settings)

    def _network(self, stage: Stage) -> Any:
        network = load_base(self.job.model)
        if stage.adapter is None:
            return train_in_place(network, self.job.settings.trained)
        return PeftModel.from_pretrained(network, stage.adapter, is_trainable=True)

    def _trainer(
        self, network: Any, stream: WorkerStream, events: EventCallback, output: str
    ) -> CanonicalSFTTrainer:
        settings = self.job.settings
        arguments = common_arguments(settings, self.job.device, output)
        return CanonicalSFTTrainer(
            settings=settings,
            model=network,
            args=SFTConfig(
                **arguments, max_length=None, dataset_kwargs={"skip_prepare_dataset": True}
            ),
            train_dataset=stream.sequence(),
            eval_dataset=stream.rows("validation") if settings.eval_every else None,
            processing_class=load_tokenizer(self.job.model.folder),
            data_collator=partial(
                pad_rows, pad_id=settings.pad_id, multiple=settings.padding_multiple
            ),
            callbacks=common_callbacks(events, settings),
        )

    def _watch(self, network: Any, recorder: ReceiptRecorder) -> None:
        standard = self.job.settings.loss == "standard"
        recorder.watch(network, loss_owner=base_model(network) if standard else None)


class TrlEvaluator(SharedEvaluator):
    """Generates with transformers, as every backend's default evaluator does."""


class TrlExporter(PeftExporter):
    """Merges with PEFT."""
