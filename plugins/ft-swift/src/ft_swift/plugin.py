"""The declaration of the ms-swift backend; imports nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ftcore.backends import BackendSpec, Capability, EngineOptions, EnvironmentSpec
from ftcore.hookspecs import HOOK_API, hookimpl
from ftcore.transformers_backend import (
    FT_LAUNCHES,
    FT_LOADS,
    FT_READS_ROWS,
    FT_REPORTS,
    IN_THE_RUN,
    NO_CODE,
    NO_SECRETS,
    NOT_TRAINING,
    TRANSFORMERS_ARGUMENTS,
    TRANSFORMERS_TRAINER,
    decided,
)

VERSION = "0.1.0"
PACKAGE = Path(__file__).parent

CAPABILITIES = {
    **TRANSFORMERS_TRAINER,
    "train.loss=engine": Capability(
        "exact", "ms-swift's own loss: each batch's mean, weighted by its share of the tokens"
    ),
}

DECIDED = {
    **TRANSFORMERS_ARGUMENTS,
    **decided(
        {
            "model.id": "model model_revision",
            "model.dtype": "torch_dtype lora_dtype",
            "model.attention": "attn_impl",
            "model.quantization": "quant_method quant_bits hqq_axis bnb_4bit_compute_dtype "
            "bnb_4bit_quant_type bnb_4bit_use_double_quant bnb_4bit_quant_storage",
            "data.max_length": "max_length max_model_len",
            "data.overlong": "truncation_strategy",
            "data.supervise": "loss_scale is_binary_loss_scale",
            "data.system": "system",
            "train.epochs": "max_epochs",
            "train.method": "tuner_type tuner_backend task_type adapters trainable_parameters "
            "trainable_parameters_regex freeze_parameters freeze_parameters_regex "
            "use_swift_lora",
            "train.freeze.last_layers": "freeze_parameters_ratio freeze_llm freeze_vit "
            "freeze_aligner",
            "train.loss": "enable_dft_loss enable_channel_loss loss_type use_logits_to_keep",
            "train.lora.rank": "lora_rank",
            "train.lora.alpha": "lora_alpha",
            "train.lora.dropout": "lora_dropout",
            "train.lora.targets": "target_modules target_regex target_parameters modules_to_save "
            "lora_bias",
            "train.lora.rslora": "use_rslora",
            "train.lora.dora": "use_dora",
            "train.lora.init": "init_weights lora_ga_batch_size lora_ga_iters lora_ga_max_length "
            "lora_ga_direction lora_ga_scale lora_ga_stable_gamma",
            "train.lora.plus_ratio": "lorap_lr_ratio",
            "train.optimizer": "optimizer",
            "train.packing": "packing packing_length packing_num_proc padding_free padding_side",
            "train.shuffle": "dataset_shuffle val_dataset_shuffle train_dataloader_shuffle "
            "group_by_length sortish_sampler streaming shuffle_buffer_size",
            "train.validation.patience": "early_stop_interval",
            "launch.device": "device_map max_memory",
            FT_LAUNCHES: "use_ray ray_exp_name device_groups zero_hpz_partition_size "
            "deepspeed_autotp_size sequence_parallel_size",
            FT_LOADS: "model_type template template_backend use_chat_template agent_template "
            "response_prefix enable_thinking preserve_thinking add_non_thinking_prefix "
            "disable_ignore_empty_think new_special_tokens check_model use_hf load_args "
            "load_data_args local_repo_path",
            FT_READS_ROWS: "dataset val_dataset cached_dataset cached_val_dataset "
            "split_dataset_ratio dataset_num_proc load_from_cache_file interleave_prob "
            "stopping_strategy download_mode columns strict disable_auto_column_mapping "
            "custom_dataset_info lazy_tokenize model_name model_author",
            FT_REPORTS: "callbacks acc_strategy logging_dir ignore_args_error",
            IN_THE_RUN: "add_version create_checkpoint_symlink",
            NO_CODE: "external_plugins custom_register_path",
            "track.trackers": "swanlab_project swanlab_workspace swanlab_exp_name swanlab_mode "
            "swanlab_notification_method swanlab_email_language swanlab_sender_email "
            "swanlab_receiver_email swanlab_smtp_server swanlab_smtp_port",
            NO_SECRETS: "swanlab_token swanlab_secret swanlab_webhook_url",
            NOT_TRAINING: "predict_with_generate generation_num_beams generation_config "
            "eval_use_evalscope eval_dataset eval_dataset_args eval_limit eval_metric "
            "eval_generation_config extra_eval_args max_new_tokens temperature top_k top_p "
            "repetition_penalty num_beams stream stop_words logprobs top_logprobs "
            "structured_outputs_regex",
        }
    ),
}


@hookimpl
def ft_backends() -> Iterable[BackendSpec]:
    """Declare the backend."""
    yield BackendSpec(
        name="swift",
        summary="PEFT adapters trained with ms-swift's SwiftSft pipeline",
        hook_api=HOOK_API,
        version=VERSION,
        package=PACKAGE,
        environment=EnvironmentSpec(
            name="swift",
            version=VERSION,
            lock=PACKAGE / "locks" / "lock.txt",
            torch="2.13.0",
            requires_python=">=3.11,<3.14",
            imports=("torch", "transformers", "peft", "swift.pipelines.train.sft", "datasets"),
        ),
        trainer="ft_swift.worker:SwiftTrainer",
        evaluator="ft_swift.worker:SwiftEvaluator",
        exporter="ft_swift.worker:SwiftExporter",
        native_evaluator="ft_swift.native:SwiftNativeEvaluator",
        capabilities=CAPABILITIES,
        options=EngineOptions(PACKAGE / "arguments.json", DECIDED),
    )
