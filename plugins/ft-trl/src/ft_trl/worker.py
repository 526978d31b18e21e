"""Trains with TRL's `SFTTrainer` on the canonical stream; the only file that imports TRL."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import load_file
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
from ftcore.worker.options import with_options
from ftcore.worker.pissa import take_out
from ftcore.worker.receipts import ReceiptRecorder
from ftcore.worker.stream import WorkerStream, pad_rows
from ftcore.worker.stream_batches import StreamBatches
from ftcore.worker.supervised import SupervisedLogits
from ftcore.worker.validation import TokenValidation

# What a recipe may set under [backend.trl] (see scripts/engine_options.py).
ARGUMENT_CLASSES = (SFTConfig,)


class CanonicalSFTTrainer(
    StreamBatches,
    TokenValidation,
    SupervisedLogits,
    SFTTrainer,  # type: ignore[misc]
):
    """`SFTTrainer` that takes the stream's micro-batches and the recipe's loss."""

    def __init__(self, *, settings: TrainSettings, stream: WorkerStream, **kwargs: Any) -> None:
        self.ft_settings, self.ft_stream = settings, stream
        trained = {n: p.data for n, p in kwargs["model"].named_parameters() if p.requires_grad}
        super().__init__(**kwargs)
        # `SFTTrainer` rounds an adapter to bfloat16 where the base is quantised.
        for name, parameter in self.model.named_parameters():
            if name in trained and parameter.dtype != trained[name].dtype:
                parameter.data = trained[name].to(parameter.device)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Compute the common causal-LM loss, or TRL's fused one where the recipe says "engine"."""
        if self.ft_settings.loss == "engine":
            return super().compute_loss(model, inputs, *args, **kwargs)
        return Trainer.compute_loss(self, model, self.narrowed(inputs), *args, **kwargs)

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


def virtual_tokens(network: Any, adapter: Path) -> Any:
    """Return the model with the virtual tokens of ``adapter``, trainable.

    `PeftModel.from_pretrained` loads them for answers only.
    """
    config = PeftConfig.from_pretrained(str(adapter))
    config.inference_mode = False
    made = get_peft_model(network, config)
    set_peft_model_state_dict(made, load_file(str(adapter / "adapter_model.safetensors")))
    return made


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
        network = load_base(self.job.model, device=self.job.device)
        if stage.adapter is None:
            return train_in_place(network, self.job.settings.trained)
        if self.job.settings.virtual_tokens is not None:
            return virtual_tokens(network, Path(stage.adapter))
        network = PeftModel.from_pretrained(network, stage.adapter, is_trainable=True)
        if self.job.settings.lora.init == "pissa":
            take_out(network, Path(stage.adapter))
        return network

    def _trainer(
        self, network: Any, stream: WorkerStream, events: EventCallback, output: str
    ) -> CanonicalSFTTrainer:
        settings = self.job.settings
        arguments = common_arguments(self.job, output)
        arguments |= {"max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}}
        return CanonicalSFTTrainer(
            settings=settings,
            model=network,
            args=SFTConfig(**with_options(arguments, self.job.engine_options)),
            stream=stream,
            train_dataset=stream.rows("train"),
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
