"""What every backend built on transformers' `Trainer` shares: events, stopping, validation loss."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, TrainerCallback

from ftcore.backends import TrainOutcome
from ftcore.protocol import Stage, TrainSettings
from ftcore.worker.context import WorkerContext
from ftcore.worker.stream import pad_rows

SCHEDULERS = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


def common_arguments(settings: TrainSettings, device: str, output: str) -> dict[str, Any]:
    """Return the `TrainingArguments` that the recipe decides, each one explicit."""
    checkpoints = settings.save_every is not None
    return {
        "output_dir": output,
        "max_steps": settings.steps,
        "per_device_train_batch_size": settings.batch_size,
        "per_device_eval_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulation,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": SCHEDULERS[settings.scheduler],
        "warmup_steps": settings.warmup_steps,
        "optim": "adamw_torch",
        "adam_beta1": settings.beta1,
        "adam_beta2": settings.beta2,
        "adam_epsilon": settings.epsilon,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "bf16": settings.precision == "bf16",
        "fp16": settings.precision == "fp16",
        "gradient_checkpointing": settings.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "seed": settings.seed,
        "data_seed": settings.seed,
        "use_cpu": device == "cpu",
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
        self.stopped = False
        self.first_step_begin: float | None = None
        self.last_step_end: float | None = None

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note when the step began."""
        self._step_begin = time.monotonic()
        if self.first_step_begin is None:
            self.first_step_begin = self._step_begin

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
        if self._context.should_stop():
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
                learning_rate=number(logs.get("learning_rate")),
            )
        elif "eval_loss" in logs:
            self._context.emit(
                "metric", step=state.global_step, validation_loss=number(logs["eval_loss"])
            )

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report the checkpoint."""
        path = f"{args.output_dir}/checkpoint-{state.global_step}"
        self._context.emit("checkpoint", step=state.global_step, path=path)

    def step_seconds(self) -> float:
        """Seconds from the first step's begin to the last step's end."""
        if self.first_step_begin is None or self.last_step_end is None:
            return 0.0
        return self.last_step_end - self.first_step_begin


def number(value: Any) -> float | None:
    """Return a float from a number or a one-element tensor."""
    return None if value is None else float(value)


def validation_loss(network: Any, rows: Any, settings: TrainSettings, autocast: Any) -> float:
    """Return the mean negative log-likelihood in nats per supervised token over all ``rows``.

    ``autocast`` is the engine's context manager factory for its precision. The mean is over
    tokens, not over batches.
    """
    import torch

    was_training = network.training
    network.eval()
    total = tokens = 0.0
    for start in range(0, len(rows), settings.batch_size):
        batch = pad_rows(
            [rows[index] for index in range(start, min(start + settings.batch_size, len(rows)))],
            pad_id=settings.pad_id,
            multiple=settings.padding_multiple,
        )
        batch = {key: value.to(network.device) for key, value in batch.items()}
        supervised = int((batch["labels"][:, 1:] != -100).sum())
        with torch.no_grad(), autocast():
            loss = network(**batch, use_cache=False).loss
        total += float(loss) * supervised
        tokens += supervised
    network.train(was_training)
    return total / tokens if tokens else float("nan")


def optimizer_groups(network: Any, optimizer: Any) -> dict[str, dict[str, Any]]:
    """Return, per trainable parameter, the rate, weight decay, betas and epsilon it trains with."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        names[id(parameter)]: {
            "initial_lr": group.get("initial_lr", group["lr"]),
            "weight_decay": group["weight_decay"],
            "betas": list(group["betas"]),
            "eps": group["eps"],
        }
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def recipe_fields(arguments: Any, network: Any) -> dict[str, Any]:
    """Return what the engine used, by recipe field, from its own `TrainingArguments` and adapter.

    The parent compares each with the plan.
    """
    schedulers = {theirs: ours for ours, theirs in SCHEDULERS.items()}
    scheduler = str(getattr(arguments.lr_scheduler_type, "value", arguments.lr_scheduler_type))
    adapter = network.peft_config["default"]
    return {
        "train.max_steps": arguments.max_steps,
        "train.batch_size": arguments.per_device_train_batch_size,
        "train.accumulation": arguments.gradient_accumulation_steps,
        "train.learning_rate": arguments.learning_rate,
        "train.beta1": arguments.adam_beta1,
        "train.beta2": arguments.adam_beta2,
        "train.epsilon": arguments.adam_epsilon,
        "train.weight_decay": arguments.weight_decay,
        "train.max_grad_norm": arguments.max_grad_norm,
        "train.warmup_steps": arguments.warmup_steps,
        "train.gradient_checkpointing": bool(getattr(network, "is_gradient_checkpointing", False)),
        "train.seed": arguments.seed,
        "train.scheduler": schedulers.get(scheduler, scheduler),
        "train.precision": "bf16" if arguments.bf16 else "fp16" if arguments.fp16 else "fp32",
        "train.lora.rank": adapter.r,
        "train.lora.alpha": adapter.lora_alpha,
        "train.lora.dropout": adapter.lora_dropout,
        "train.lora.rslora": adapter.use_rslora,
        "train.lora.dora": adapter.use_dora,
        "trainable_parameters": trainable_parameters(network),
    }


def trainable_parameters(network: Any) -> int:
    """Return how many numbers are trained."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def effective_configuration(trainer: Any, settings: TrainSettings) -> dict[str, Any]:
    """Return what the engine really used: its arguments, adapter and optimizer, read back.

    ``recipe_fields`` is what the parent holds against the plan; the rest is kept for people.
    """
    args = trainer.args
    network = trainer.accelerator.unwrap_model(trainer.model)
    return {
        "recipe_fields": recipe_fields(args, network),
        "arguments": args.to_dict(),
        "adapter": network.peft_config["default"].to_dict(),
        "optimizer": optimizer_groups(network, trainer.optimizer),
        "loss": settings.loss,
    }


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint of the highest step below ``folder``."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    return found[-1] if found else None


def outcome(
    trainer: Any, events: EventCallback, stage: Stage, settings: TrainSettings
) -> TrainOutcome:
    """Save the adapter and return the `TrainOutcome` of a finished transformers `Trainer`."""
    network = trainer.accelerator.unwrap_model(trainer.model)
    network.save_pretrained(stage.output, safe_serialization=True)
    best = trainer.state.best_model_checkpoint
    return TrainOutcome(
        adapter=Path(stage.output),
        steps=trainer.state.global_step,
        effective=effective_configuration(trainer, settings),
        best=Path(best) if best else None,
        last=newest_checkpoint(Path(trainer.args.output_dir)),
        stopped=events.stopped,
        summary={"seconds": events.step_seconds(), "device": str(trainer.args.device)},
    )


def common_callbacks(events: EventCallback, settings: TrainSettings) -> list[TrainerCallback]:
    """Return ft's events and, where the recipe has a patience, early stopping."""
    callbacks: list[TrainerCallback] = [events]
    if settings.patience is not None:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=settings.patience))
    return callbacks
