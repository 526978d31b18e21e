"""What an engine built on transformers' `Trainer` really used, read back after training.

The parent holds ``recipe_fields`` against the plan; the rest is kept for people and for comparing
engines.
"""

from __future__ import annotations

from typing import Any

from ftcore.protocol import TrainSettings
from ftcore.worker.quantized import quantization_used

# The recipe's names of schedules, and transformers'; of those that end above zero too.
SCHEDULERS = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
SCHEDULERS_WITH_END = {"linear": "polynomial", "cosine": "cosine_with_min_lr"}
OPTIMIZERS = {"adamw": "adamw_torch", "adafactor": "adafactor", "sgd": "sgd"}


def schedule_arguments(settings: TrainSettings) -> dict[str, Any]:
    """Return transformers' arguments for the recipe's schedule."""
    ratio = settings.min_lr_ratio
    if ratio is None:
        return {"lr_scheduler_type": SCHEDULERS[settings.scheduler], "lr_scheduler_kwargs": {}}
    ends = {
        "linear": {"power": 1.0, "lr_end": ratio * settings.learning_rate},
        "cosine": {"min_lr_rate": ratio},
    }
    return {
        "lr_scheduler_type": SCHEDULERS_WITH_END[settings.scheduler],
        "lr_scheduler_kwargs": ends[settings.scheduler],
    }


def schedule_used(arguments: Any, settings: TrainSettings) -> dict[str, Any]:
    """Return, by recipe field, the schedule that `TrainingArguments` name."""
    planned, ends = schedule_arguments(settings), dict(arguments.lr_scheduler_kwargs or {})
    name = text(arguments.lr_scheduler_type)
    same = name == planned["lr_scheduler_type"] and ends == planned["lr_scheduler_kwargs"]
    return {
        "train.scheduler": settings.scheduler if same else f"{name} {ends}",
        "train.min_lr_ratio": settings.min_lr_ratio if same else ends,
    }


def effective_configuration(trainer: Any, settings: TrainSettings) -> dict[str, Any]:
    """Return the engine's arguments, adapter and optimizer as they were at the end."""
    args = trainer.args
    network = trainer.accelerator.unwrap_model(trainer.model)
    optimizer = optimizer_groups(network, trainer.optimizer)
    return {
        "recipe_fields": {
            **training_fields(args, network),
            **schedule_used(args, settings),
            **(adapter_fields(network, optimizer, settings) if has_adapter(network) else {}),
            **model_fields(network),
        },
        "arguments": args.to_dict(),
        "adapter": network.peft_config["default"].to_dict() if has_adapter(network) else None,
        "optimizer": optimizer,
        "loss": settings.loss,
    }


def training_fields(arguments: Any, network: Any) -> dict[str, Any]:
    """Return, by recipe field, what the engine's own `TrainingArguments` say."""
    optimizers = {theirs: ours for ours, theirs in OPTIMIZERS.items()}
    optimizer = text(arguments.optim)
    return {
        "train.max_steps": arguments.max_steps,
        "train.batch_size": arguments.per_device_train_batch_size,
        "train.accumulation": arguments.gradient_accumulation_steps,
        "train.learning_rate": arguments.learning_rate,
        "train.optimizer": optimizers.get(optimizer, optimizer),
        "train.beta1": arguments.adam_beta1,
        "train.beta2": arguments.adam_beta2,
        "train.epsilon": arguments.adam_epsilon,
        "train.weight_decay": arguments.weight_decay,
        "train.max_grad_norm": arguments.max_grad_norm,
        "train.warmup_steps": arguments.warmup_steps,
        "train.gradient_checkpointing": bool(getattr(network, "is_gradient_checkpointing", False)),
        "train.seed": arguments.seed,
        "train.precision": "bf16" if arguments.bf16 else "fp16" if arguments.fp16 else "fp32",
        "train.neftune_alpha": arguments.neftune_noise_alpha,
        "trainable_parameters": trainable_parameters(network),
    }


def adapter_fields(
    network: Any, optimizer: dict[str, dict[str, Any]], settings: TrainSettings
) -> dict[str, Any]:
    """Return, by recipe field, what the adapter that was trained says."""
    adapter = network.peft_config["default"]
    if settings.virtual_tokens is not None:
        return {"train.prompt.virtual_tokens": adapter.num_virtual_tokens}
    if settings.method != "lora":
        return {}
    return {
        "train.lora.rank": adapter.r,
        "train.lora.alpha": adapter.lora_alpha,
        "train.lora.dropout": adapter.lora_dropout,
        "train.lora.rslora": adapter.use_rslora,
        "train.lora.dora": adapter.use_dora,
        "train.lora.targets": sorted(adapter.target_modules),
        "train.lora.plus_ratio": plus_ratio(optimizer, settings),
    }


def plus_ratio(optimizer: dict[str, dict[str, Any]], settings: TrainSettings) -> float | None:
    """Return LoRA+'s ratio as the optimizer has it, or None where all rates are one."""
    rates = {group["initial_lr"] for name, group in optimizer.items() if "lora_B" in name}
    rate = max(rates, default=settings.learning_rate)
    planned = settings.lora.plus_ratio
    # A product that was rounded does not give its factor back by division.
    if planned is not None and rates == {settings.learning_rate * planned}:
        return planned
    return None if rates <= {settings.learning_rate} else rate / settings.learning_rate


def model_fields(network: Any) -> dict[str, Any]:
    """Return, by recipe field, how the model's weights are held (an adapter's are float32)."""
    base = base_model(network)
    adapted = has_adapter(network)
    frozen = [p for p in base.parameters() if not (adapted and p.requires_grad)]
    held = {text(p.dtype) for p in frozen if p.is_floating_point() and not is_packed(p)}
    return {
        "model.quantization": quantization_used(base),
        "model.dtype": ", ".join(sorted(name.removeprefix("torch.") for name in held)),
        "model.attention": getattr(base.config, "_attn_implementation", None),
    }


def is_packed(parameter: Any) -> bool:
    """Whether a parameter holds quantised values, in whatever type they are packed."""
    return type(parameter).__name__ in ("Params4bit", "Int8Params")


def has_adapter(network: Any) -> bool:
    """Whether an adapter is trained, rather than weights of the model itself."""
    return hasattr(network, "peft_config") and hasattr(network, "get_base_model")


def base_model(network: Any) -> Any:
    """Return the model below the adapter, or the model itself."""
    return network.get_base_model() if has_adapter(network) else network


def optimizer_groups(network: Any, optimizer: Any) -> dict[str, dict[str, Any]]:
    """Return, per trainable parameter, the rate, weight decay, betas and epsilon it trains with."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        names[id(parameter)]: {
            "initial_lr": group.get("initial_lr", group["lr"]),
            "weight_decay": group["weight_decay"],
            "betas": list(group.get("betas", ())),
            "eps": group.get("eps"),
        }
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def base_rate(optimizer: Any, learning_rate: float) -> float:
    """Return the present rate of the group that began with ``learning_rate``, else of the first."""
    groups = optimizer.param_groups
    plain = [group for group in groups if group.get("initial_lr") == learning_rate]
    return float((plain or groups)[0]["lr"])


def trainable_parameters(network: Any) -> int:
    """Return how many numbers are trained."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def text(value: Any) -> str:
    """Return the text of an enumeration's member, or of anything else."""
    return str(getattr(value, "value", value))
