"""The declaration of the TRL backend; imports nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ftcore.backends import EXACT, BackendSpec, Capability, EnvironmentSpec
from ftcore.hookspecs import HOOK_API, hookimpl

VERSION = "0.1.0"
PACKAGE = Path(__file__).parent

NO_QUANTIZED = Capability("not_yet", "quantised base weights")
NO_OTHER_METHOD = Capability("not_yet", "adapters other than LoRA")
ON_CUDA = Capability("exact", "float16 arithmetic needs a GPU", devices=("cuda",))

CAPABILITIES = {
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
    "train.loss=engine": Capability("exact", "TRL's fused language-model head"),
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


@hookimpl
def ft_backends() -> Iterable[BackendSpec]:
    """Declare the backend."""
    yield BackendSpec(
        name="trl",
        summary="PEFT adapters trained with TRL's SFTTrainer",
        hook_api=HOOK_API,
        version=VERSION,
        package=PACKAGE,
        environment=EnvironmentSpec(
            name="trl",
            version=VERSION,
            lock=PACKAGE / "locks" / "lock.txt",
            torch="2.13.0",
            requires_python=">=3.11,<3.14",
            imports=("torch", "transformers", "peft", "trl", "datasets", "accelerate"),
        ),
        trainer="ft_trl.worker:TrlTrainer",
        evaluator="ft_trl.worker:TrlEvaluator",
        exporter="ft_trl.worker:TrlExporter",
        capabilities=CAPABILITIES,
    )
