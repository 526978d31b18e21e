"""Trains with LLaMA-Factory's own `run_exp`; the only file that imports LLaMA-Factory."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import types
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

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
from ftcore.worker.model_view import view_with_dtype
from ftcore.worker.receipts import ReceiptRecorder
from ftcore.worker.stream import WorkerStream, pad_rows


def _inert_torchaudio() -> None:
    """Give LLaMA-Factory the module that it imports for audio and that text never uses.

    torchaudio from PyPI does not load beside a CPU build of torch.
    """
    if importlib.util.find_spec("torchaudio") is None:
        module = types.ModuleType("torchaudio")
        module.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
        sys.modules["torchaudio"] = module


_inert_torchaudio()
os.environ.setdefault("LLAMAFACTORY_VERBOSITY", "WARN")

from llamafactory.train.sft import workflow  # noqa: E402
from llamafactory.train.sft.trainer import CustomSeq2SeqTrainer  # noqa: E402
from llamafactory.train.tuner import run_exp  # noqa: E402


class ObservedTrainer(CustomSeq2SeqTrainer):  # type: ignore[misc]
    """LLaMA-Factory's trainer with the stream's receipts and ft's validation loss."""

    settings: ClassVar[TrainSettings]
    recorder: ClassVar[ReceiptRecorder]
    last: ClassVar[ObservedTrainer]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        type(self).last = self
        self._training = False

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, with every micro-batch recorded."""
        self.recorder.watch(self.model, loss_owner=self.model.get_base_model())
        self._training = True
        try:
            return super().train(*args, **kwargs)
        finally:
            self._training = False

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure validation loss by tokens; the extra round after training is left out."""
        if not self._training:
            return {}
        loss = validation_loss(
            self.model, self.eval_dataset, self.settings, self.compute_loss_context_manager
        )
        metrics = {"eval_loss": loss}
        self.log(dict(metrics))
        self.control: Any = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


class LlamaFactoryTrainer(Trainer):
    """Trains an adapter with LLaMA-Factory's supervised fine-tuning workflow."""

    def train(self, stage: Stage) -> TrainOutcome:
        """Train on ``stage.input`` from the initial adapter ``stage.adapter``."""
        settings = self.job.settings
        stream = self.context.open_stream(str(stage.input))
        events = EventCallback(self.context, stream.tokens_per_step())
        ObservedTrainer.settings = settings
        ObservedTrainer.recorder = self.context.receipts(stage.name, stream)
        workflow.CustomSeq2SeqTrainer = ObservedTrainer
        workflow.get_dataset = partial(self._dataset, stream)
        workflow.SFTDataCollatorWith4DAttentionMask = self._collator
        run_exp(self.arguments(stage), common_callbacks(events, settings))
        return outcome(ObservedTrainer.last, events, stage, settings)

    def arguments(self, stage: Stage) -> dict[str, Any]:
        """Return LLaMA-Factory's arguments, each one that the recipe decides explicit."""
        settings = self.job.settings
        folder = Path(self.job.folder)
        arguments = common_arguments(settings, self.job.device, str(folder / "checkpoints"))
        checkpointing = arguments.pop("gradient_checkpointing")
        arguments.pop("gradient_checkpointing_kwargs")
        arguments.update(
            model_name_or_path=str(view_with_dtype(self.job.model, folder / "model_view")),
            adapter_name_or_path=stage.adapter,
            create_new_adapter=False,
            trust_remote_code=self.job.model.trust_remote_code,
            flash_attn="sdpa" if self.job.model.attention == "sdpa" else "disabled",
            stage="sft",
            do_train=True,
            finetuning_type="lora",
            template="empty",
            dataset="_",
            eval_dataset="_" if settings.eval_every else None,
            disable_shuffling=True,
            disable_gradient_checkpointing=not checkpointing,
            resume_from_checkpoint=self.job.resume_from,
        )
        if settings.lora.plus_ratio is not None:
            arguments["loraplus_lr_ratio"] = settings.lora.plus_ratio
        return {key: value for key, value in arguments.items() if value is not None}

    def _dataset(self, stream: WorkerStream, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found = {"train_dataset": stream.sequence()}
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
