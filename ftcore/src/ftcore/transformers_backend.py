"""What every backend built on transformers' `Trainer` can do by ft's shared ground.

A plugin whose worker uses `ftcore.worker.hf_trainer` starts from this table and adds what is its
engine's own; the contract tests hold the result against the recipe's fields.
"""

from __future__ import annotations

from collections.abc import Mapping

from ftcore.backends import EXACT, Capability

NO_QUANTIZED = Capability("not_yet", "quantised base weights")
NO_OTHER_METHOD = Capability("not_yet", "adapters other than LoRA")
ON_CUDA = Capability("exact", "float16 arithmetic needs a GPU", devices=("cuda",))

TRANSFORMERS_TRAINER: Mapping[str, Capability] = {
    "model.dtype": EXACT,
    "model.dtype=float16": ON_CUDA,
    "model.quantization": NO_QUANTIZED,
    "model.attention": EXACT,
    "model.trust_remote_code": EXACT,
    "train.method": NO_OTHER_METHOD,
    "train.method=lora": EXACT,
    "train.method=full": EXACT,
    "train.method=freeze": EXACT,
    "train.loss=standard": EXACT,
    "train.epochs": EXACT,
    "train.max_steps": EXACT,
    "train.batch_size": EXACT,
    "train.accumulation": EXACT,
    "train.learning_rate": EXACT,
    "train.scheduler": EXACT,
    "train.warmup_ratio": EXACT,
    "train.warmup_steps": EXACT,
    "train.optimizer=adamw": EXACT,
    "train.beta1": EXACT,
    "train.beta2": EXACT,
    "train.epsilon": EXACT,
    "train.weight_decay": EXACT,
    "train.max_grad_norm": EXACT,
    "train.precision=fp32": EXACT,
    "train.precision=bf16": EXACT,
    "train.precision=fp16": ON_CUDA,
    "train.gradient_checkpointing": EXACT,
    "train.packing": Capability("not_yet", "several rows in one sequence"),
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
    "train.lora.init=pissa": Capability("not_yet", "PiSSA"),
    "train.lora.plus_ratio": EXACT,
    "train.freeze.last_layers": EXACT,
    "train.prompt.virtual_tokens": NO_OTHER_METHOD,
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
    "launch.strategy": Capability("not_yet", "several processes"),
    "launch.threads": EXACT,
}
