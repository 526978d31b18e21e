"""What every backend built on transformers' `Trainer` shares: arguments, events, its outcome."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, TrainerCallback

from ftcore.backends import TrainOutcome
from ftcore.protocol import Job, Stage, TrainSettings
from ftcore.worker.context import WorkerContext
from ftcore.worker.effective import (
    OPTIMIZERS,
    base_rate,
    effective_configuration,
    schedule_arguments,
)
from ftcore.worker.pissa import onto_the_base
from ftcore.worker.validation import validation_digest
from ftcore.worker.world import any_rank, check_replicas, check_world, wait_for_all


def common_arguments(job: Job, output: str) -> dict[str, Any]:
    """Return the `TrainingArguments` that the recipe decides, each one explicit."""
    settings, on_cpu = job.settings, job.device == "cpu"
    checkpoints = settings.save_every is not None
    return {
        "output_dir": output,
        "max_steps": settings.steps,
        "per_device_train_batch_size": settings.batch_size,
        "per_device_eval_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulation,
        "learning_rate": settings.learning_rate,
        **schedule_arguments(settings),
        "warmup_steps": settings.warmup_steps,
        "optim": OPTIMIZERS[settings.optimizer],
        "adam_beta1": settings.beta1,
        "adam_beta2": settings.beta2,
        "adam_epsilon": settings.epsilon,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "bf16": settings.precision == "bf16",
        "fp16": settings.precision == "fp16",
        "neftune_noise_alpha": settings.neftune_alpha,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "seed": settings.seed,
        "data_seed": settings.seed,
        "use_cpu": on_cpu,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps" if checkpoints else "no",
        "save_steps": settings.save_every or settings.steps,
        # The engine counts the best checkpoint among those that it keeps; the recipe does not.
        "save_total_limit": settings.keep_checkpoints + settings.load_best if checkpoints else None,
        "eval_strategy": "steps" if settings.eval_every else "no",
        "eval_steps": settings.eval_every,
        "load_best_model_at_end": settings.load_best,
        "metric_for_best_model": "loss" if settings.eval_every else None,
        "greater_is_better": False if settings.eval_every else None,
        "report_to": "none",
        "disable_tqdm": True,
        # Patience goes on where it was.
        "restore_callback_states_from_checkpoint": True,
        # Several processes: the mean of the loss is over the tokens of all of them.
        "ddp_backend": "gloo" if on_cpu and job.world_size > 1 else None,
        "ddp_find_unused_parameters": False,
        "average_tokens_across_devices": True,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "remove_unused_columns": False,
        "push_to_hub": False,
    }


class EventCallback(TrainerCallback):  # type: ignore[misc]
    """Turns the engine's log calls into ft's events and stops when the parent asks for it."""

    def __init__(self, context: WorkerContext, tokens_per_step: list[int]) -> None:
        self._context = context
        self._tokens = tokens_per_step
        self._step_begin = 0.0
        self._rate: float | None = None
        self.stopped = False
        self.first_step_begin: float | None = None
        self.last_step_end: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Refuse a world of another size than planned."""
        check_world(args, self._context.job.world_size)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note when the step began."""
        self._step_begin = time.monotonic()
        if self.first_step_begin is None:
            self.first_step_begin = self._step_begin

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any
    ) -> None:
        """Note the rate that the step uses; engines log it before or after the schedule moves."""
        self._rate = base_rate(optimizer, args.learning_rate)
        if self._context.observation is not None:
            self._context.observation.update(optimizer)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report the step and its speed; ask the engine to stop when ft was asked to."""
        now = self.last_step_end = time.monotonic()
        seconds = max(now - self._step_begin, 1e-9)
        tokens = self._tokens[state.global_step - 1]
        self._context.emit(
            "progress",
            done=state.global_step,
            total=state.max_steps,
            unit="steps",
            tokens_per_second=tokens / seconds,
        )
        if any_rank(self._context.should_stop(), args.device):
            self.stopped = control.should_training_stop = True
            control.should_save = True

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Report loss, gradient norm and learning rate of each step, or a validation loss."""
        if not logs:
            return
        if "loss" in logs:
            self._context.emit(
                "metric",
                step=state.global_step,
                loss=number(logs["loss"]),
                grad_norm=number(logs.get("grad_norm")),
                learning_rate=self._rate,
            )
        elif "eval_loss" in logs:
            self._context.emit(
                "metric", step=state.global_step, validation_loss=number(logs["eval_loss"])
            )

    def validated(self, step: int, number: int, batch: Any) -> None:
        """Write the receipt of one batch of validation rows."""
        self._context.events.validated(step, number, validation_digest(step, number, batch))

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report the checkpoint."""
        # Each rank has written its part of it.
        wait_for_all()
        # One at which patience had run out would be trained on from; an earlier one is not.
        over = control.should_training_stop and not self.stopped
        self._context.checkpoint(
            state.global_step,
            Path(args.output_dir) / f"checkpoint-{state.global_step}",
            resumable=not over or state.global_step >= state.max_steps,
        )

    def step_seconds(self) -> float:
        """Seconds from the first step's begin to the last step's end."""
        if self.first_step_begin is None or self.last_step_end is None:
            return 0.0
        return self.last_step_end - self.first_step_begin


def number(value: Any) -> float | None:
    """Return a float from a number or a one-element tensor."""
    return None if value is None else float(value)


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint of the highest step below ``folder``."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    return found[-1] if found else None


def outcome(
    trainer: Any, events: EventCallback, stage: Stage, settings: TrainSettings
) -> TrainOutcome:
    """Save the adapter and return the `TrainOutcome` of a finished transformers `Trainer`."""
    network = trainer.accelerator.unwrap_model(trainer.model)
    check_replicas(network, trainer.args.device)
    if trainer.args.process_index == 0:
        network.save_pretrained(stage.output, safe_serialization=True)
        if stage.adapter is not None and settings.lora.init == "pissa":
            onto_the_base(Path(stage.output), Path(stage.adapter))
    best = trainer.state.best_model_checkpoint
    return TrainOutcome(
        adapter=Path(stage.output),
        steps=trainer.state.global_step,
        effective=effective_configuration(trainer, settings),
        best=Path(best) if best else None,
        last=newest_checkpoint(Path(trainer.args.output_dir)),
        stopped=events.stopped and not is_over(trainer),
        summary={
            "seconds": events.step_seconds(),
            "device": str(trainer.args.device),
        },
    )


def is_over(trainer: Any) -> bool:
    """Whether training went its whole way, or until its patience ran out, stopped or not."""
    patient = [
        c for c in trainer.callback_handler.callbacks if isinstance(c, EarlyStoppingCallback)
    ]
    return bool(trainer.state.global_step >= trainer.state.max_steps) or any(
        callback.early_stopping_patience_counter >= callback.early_stopping_patience
        for callback in patient
    )


def common_callbacks(events: EventCallback, settings: TrainSettings) -> list[TrainerCallback]:
    """Return ft's events and, where the recipe has a patience, early stopping."""
    callbacks: list[TrainerCallback] = [events]
    if settings.patience is not None:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=settings.patience))
    return callbacks
