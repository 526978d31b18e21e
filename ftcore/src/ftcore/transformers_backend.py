"""What every backend built on transformers' `Trainer` can do by ft's shared ground.

A plugin whose worker uses `ftcore.worker.hf_trainer` starts from these tables and adds what is its
engine's own; the contract tests hold the result against the recipe's fields.
"""

from __future__ import annotations

from collections.abc import Mapping

from ftcore.backends import EXACT, Capability

QUANTIZED = Capability("exact", "LoRA on weights that bitsandbytes holds", devices=("cpu", "cuda"))
NO_VIRTUAL_TOKENS = Capability(
    "unsupported", "the engine makes none, and PEFT does not train those that it loads"
)
NO_P_TUNING = Capability(
    "unsupported",
    "PEFT keeps what the prompt encoder makes, not the encoder: training could neither start from "
    "ft's adapter nor go on from a checkpoint",
)
NO_PACKING = Capability(
    "unsupported",
    "engines pack rows that they tokenise themselves, into batches of their own: neither the order "
    "nor the groups over which the loss is a mean would be the recipe's",
)
ON_CUDA = Capability("exact", "float16 arithmetic needs a GPU", devices=("cuda",))

TRANSFORMERS_TRAINER: Mapping[str, Capability] = {
    "model.dtype": EXACT,
    "model.dtype=float16": ON_CUDA,
    "model.quantization": Capability("unsupported", "no such way to hold weights"),
    "model.quantization=none": EXACT,
    "model.quantization=8bit": QUANTIZED,
    "model.quantization=4bit": QUANTIZED,
    "model.attention": EXACT,
    "model.trust_remote_code": EXACT,
    "train.method": Capability("unsupported", "no such method"),
    "train.method=lora": EXACT,
    "train.method=full": EXACT,
    "train.method=freeze": EXACT,
    "train.method=ia3": EXACT,
    "train.method=prompt_tuning": NO_VIRTUAL_TOKENS,
    "train.method=prefix_tuning": NO_VIRTUAL_TOKENS,
    "train.method=p_tuning": NO_P_TUNING,
    "train.loss=standard": EXACT,
    "train.epochs": EXACT,
    "train.max_steps": EXACT,
    "train.batch_size": EXACT,
    "train.accumulation": EXACT,
    "train.learning_rate": EXACT,
    "train.scheduler": EXACT,
    "train.min_lr_ratio": EXACT,
    "train.warmup_ratio": EXACT,
    "train.warmup_steps": EXACT,
    "train.optimizer=adamw": EXACT,
    "train.optimizer=adafactor": EXACT,
    "train.optimizer=sgd": EXACT,
    "train.beta1": EXACT,
    "train.beta2": EXACT,
    "train.epsilon": EXACT,
    "train.weight_decay": EXACT,
    "train.max_grad_norm": EXACT,
    "train.precision=fp32": EXACT,
    "train.precision=bf16": EXACT,
    "train.precision=fp16": ON_CUDA,
    "train.gradient_checkpointing": EXACT,
    "train.packing": NO_PACKING,
    "train.neftune_alpha": EXACT,
    "train.shuffle": EXACT,
    "train.padding_multiple": EXACT,
    "train.seed": EXACT,
    "train.lora.rank": EXACT,
    "train.lora.alpha": EXACT,
    "train.lora.dropout": EXACT,
    "train.lora.targets": EXACT,
    "train.lora.rslora": EXACT,
    "train.lora.dora": EXACT,
    "train.lora.init=default": EXACT,
    "train.lora.init=pissa": EXACT,
    "train.lora.plus_ratio": EXACT,
    "train.freeze.last_layers": EXACT,
    "train.prompt.virtual_tokens": NO_VIRTUAL_TOKENS,
    "train.validation.every_steps": EXACT,
    "train.validation.patience": EXACT,
    "train.validation.load_best": EXACT,
    "train.checkpoints.every_steps": EXACT,
    "train.checkpoints.keep": EXACT,
    "export.formats=adapter": EXACT,
    "export.formats=merged": EXACT,
    "export.formats=gguf": Capability("not_yet", "GGUF"),
    "launch.device": EXACT,
    "launch.processes": EXACT,
    "launch.nodes": EXACT,
    "launch.strategy": Capability("not_yet", "a model that is shared out over several GPUs"),
    "launch.strategy=ddp": Capability(
        "exact", "one process a GPU, or several on a CPU", devices=("cpu", "cuda")
    ),
    "launch.threads": EXACT,
}

# Why an argument is not for a recipe where no field of the recipe decides it.
IN_THE_RUN = "everything lies in the run directory"
FT_REPORTS = "ft follows every step itself"
FT_UPLOADS_NOTHING = "ft uploads nothing"
FT_READS_ROWS = "the engine gets rows that ft has read, rendered and tokenised"
FT_LOADS = "ft names the model, its tokenizer and how they are loaded"
NO_SECRETS = "a recipe is no place for a secret: set it in the environment"
NO_CODE = "ft runs no code that a recipe names"
NOT_TRAINING = "it has no part in training; [evaluation] decides how answers are made"
FT_LAUNCHES = "ft starts the processes itself, as [launch] says"


def decided(groups: Mapping[str, str]) -> dict[str, str]:
    """Return argument -> what decides it, from ``groups`` that list the arguments by that."""
    return {name: why for why, names in groups.items() for name in names.split()}


# What decides which arguments of `transformers.TrainingArguments`.
TRANSFORMERS_ARGUMENTS: Mapping[str, str] = decided(
    {
        "train.max_steps": "max_steps",
        "train.epochs": "num_train_epochs",
        "train.batch_size": "per_device_train_batch_size per_device_eval_batch_size "
        "auto_find_batch_size",
        "train.accumulation": "gradient_accumulation_steps",
        "train.learning_rate": "learning_rate",
        "train.scheduler": "lr_scheduler_type lr_scheduler_kwargs",
        "train.warmup_steps": "warmup_steps",
        "train.warmup_ratio": "warmup_ratio",
        "train.optimizer": "optim optim_args optim_target_modules",
        "train.beta1": "adam_beta1",
        "train.beta2": "adam_beta2",
        "train.epsilon": "adam_epsilon",
        "train.weight_decay": "weight_decay",
        "train.max_grad_norm": "max_grad_norm",
        "train.precision": "bf16 fp16",
        "train.neftune_alpha": "neftune_noise_alpha",
        "train.gradient_checkpointing": "gradient_checkpointing gradient_checkpointing_kwargs "
        "activation_checkpointing activation_checkpointing_kwargs",
        "train.seed": "seed data_seed",
        "train.loss": "label_smoothing_factor label_names average_tokens_across_devices",
        "train.shuffle": "train_sampling_strategy length_column_name dataloader_drop_last "
        "accelerator_config ignore_data_skip",
        "train.checkpoints.every_steps": "save_strategy save_steps save_only_model "
        "enable_jit_checkpoint save_on_each_node",
        "train.checkpoints.keep": "save_total_limit",
        "train.validation.every_steps": "eval_strategy eval_steps eval_delay eval_on_start do_eval",
        "train.validation.load_best": "load_best_model_at_end metric_for_best_model "
        "greater_is_better",
        "launch.device": "use_cpu",
        "launch.strategy": "fsdp fsdp_config deepspeed parallelism_config local_rank ddp_backend "
        "ddp_timeout ddp_find_unused_parameters",
        "model.trust_remote_code": "trust_remote_code",
        "track.trackers": "report_to run_name project trackio_space_id trackio_bucket_id "
        "trackio_static_space_id",
        IN_THE_RUN: "output_dir",
        FT_REPORTS: "logging_strategy logging_steps logging_first_step logging_nan_inf_filter "
        "log_on_each_node disable_tqdm do_train do_predict",
        FT_UPLOADS_NOTHING: "push_to_hub hub_private_repo hub_model_id hub_strategy "
        "hub_always_push hub_revision",
        NO_SECRETS: "hub_token",
        FT_READS_ROWS: "remove_unused_columns dataloader_num_workers dataloader_pin_memory "
        "dataloader_persistent_workers dataloader_prefetch_factor dataloader_in_order "
        "dataloader_multiprocessing_context",
        "`ft run --resume` continues a run": "resume_from_checkpoint "
        "restore_callback_states_from_checkpoint",
    }
)
