"""The declaration of the LLaMA-Factory backend; imports nothing of the engine."""

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
        "unsupported", "LLaMA-Factory computes the standard loss and has no other"
    ),
}

DECIDED = {
    **TRANSFORMERS_ARGUMENTS,
    **decided(
        {
            "model.id": "model_name_or_path model_revision train_from_scratch",
            "model.dtype": "infer_dtype pure_bf16",
            "model.attention": "flash_attn",
            "model.quantization": "quantization_method quantization_bit quantization_type "
            "double_quantization quantization_device_map",
            "data.max_length": "cutoff_len",
            "data.supervise": "train_on_prompt mask_history ignore_pad_token_for_loss",
            "data.system": "default_system",
            "data.limit": "max_samples",
            "data.split.validation": "val_size",
            "train.method": "finetuning_type stage adapter_name_or_path adapter_folder "
            "create_new_adapter additional_target oft_rank oft_block_size oft_target "
            "module_dropout",
            "train.freeze.last_layers": "freeze_trainable_layers freeze_trainable_modules "
            "freeze_extra_modules freeze_vision_tower freeze_multi_modal_projector "
            "freeze_language_model",
            "train.gradient_checkpointing": "disable_gradient_checkpointing use_reentrant_gc",
            "train.lora.rank": "lora_rank",
            "train.lora.alpha": "lora_alpha",
            "train.lora.dropout": "lora_dropout",
            "train.lora.targets": "lora_target",
            "train.lora.rslora": "use_rslora",
            "train.lora.dora": "use_dora",
            "train.lora.init": "pissa_init pissa_iter pissa_convert",
            "train.lora.plus_ratio": "loraplus_lr_ratio loraplus_lr_embedding",
            "train.loss": "use_dft_loss use_asft_loss asft_alpha use_eaft_loss eaft_alpha",
            "train.packing": "packing neat_packing",
            "train.shuffle": "disable_shuffling sortish_sampler streaming buffer_size",
            "train.validation.patience": "early_stopping_steps",
            "export.formats": "export_dir export_size export_device export_quantization_bit "
            "export_quantization_dataset export_quantization_nsamples export_quantization_maxlen "
            "export_legacy_format export_hub_model_id",
            "track.trackers": "use_swanlab swanlab_project swanlab_workspace swanlab_run_name "
            "swanlab_mode swanlab_logdir",
            FT_LAUNCHES: "ray_num_workers ray_init_kwargs master_addr master_port",
            FT_LOADS: "template tool_format enable_thinking preserve_thinking use_fast_tokenizer "
            "resize_vocab split_special_tokens add_tokens add_special_tokens "
            "new_special_tokens_config init_special_tokens cache_dir offload_folder",
            FT_READS_ROWS: "dataset eval_dataset dataset_dir media_dir tokenized_path "
            "mix_strategy interleave_probs overwrite_cache preprocessing_batch_size "
            "preprocessing_num_workers eval_num_beams eval_on_each_dataset "
            "data_shared_file_system",
            FT_REPORTS: "plot_loss compute_accuracy include_effective_tokens_per_second",
            IN_THE_RUN: "overwrite_output_dir logging_dir",
            NO_SECRETS: "hf_hub_token ms_hub_token om_hub_token swanlab_api_key "
            "swanlab_lark_webhook_url swanlab_lark_secret",
            NOT_TRAINING: "predict_with_generate generation_num_beams generation_config do_sample "
            "temperature top_p top_k num_beams max_length max_new_tokens repetition_penalty "
            "length_penalty skip_special_tokens infer_backend",
        }
    ),
}


@hookimpl
def ft_backends() -> Iterable[BackendSpec]:
    """Declare the backend."""
    yield BackendSpec(
        name="llamafactory",
        summary="PEFT adapters trained with LLaMA-Factory's run_exp",
        hook_api=HOOK_API,
        version=VERSION,
        package=PACKAGE,
        environment=EnvironmentSpec(
            name="llamafactory",
            version=VERSION,
            lock=PACKAGE / "locks" / "lock.txt",
            torch="2.13.0",
            requires_python=">=3.11,<3.14",
            imports=("torch", "transformers", "peft", "llamafactory", "datasets"),
        ),
        trainer="ft_llamafactory.worker:LlamaFactoryTrainer",
        evaluator="ft_llamafactory.worker:LlamaFactoryEvaluator",
        exporter="ft_llamafactory.worker:LlamaFactoryExporter",
        native_evaluator="ft_llamafactory.native:LlamaFactoryNativeEvaluator",
        capabilities=CAPABILITIES,
        options=EngineOptions(PACKAGE / "arguments.json", DECIDED),
    )
