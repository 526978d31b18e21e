"""The declaration of the toy backend.

``FT_TOY`` names a class of `ft_toy.misbehaving` that trains (or evaluates) instead of the honest
one.
"""

import os
from pathlib import Path

from ftcore.backends import EXACT, BackendSpec, Capability, EnvironmentSpec
from ftcore.hookspecs import HOOK_API, hookimpl

PACKAGE = Path(__file__).parent
NOT_HERE = Capability("unsupported", "a lookup table has no such thing")

CAPABILITIES = {
    "model.dtype": EXACT,
    "model.quantization": NOT_HERE,
    "model.attention": EXACT,
    "model.trust_remote_code": EXACT,
    "train.method": NOT_HERE,
    "train.method=lora": EXACT,
    "train.loss": EXACT,
    "train.loss=engine": Capability("approximate", "the share of rows not yet known by heart"),
    "train.epochs": EXACT,
    "train.max_steps": EXACT,
    "train.batch_size": EXACT,
    "train.accumulation": EXACT,
    "train.learning_rate": EXACT,
    "train.scheduler": EXACT,
    "train.min_lr_ratio": EXACT,
    "train.warmup_ratio": EXACT,
    "train.warmup_steps": EXACT,
    "train.optimizer": EXACT,
    "train.beta1": EXACT,
    "train.beta2": EXACT,
    "train.epsilon": EXACT,
    "train.weight_decay": EXACT,
    "train.max_grad_norm": EXACT,
    "train.precision": EXACT,
    "train.precision=fp16": Capability("exact", "needs a GPU", devices=("cuda",)),
    "train.gradient_checkpointing": EXACT,
    "train.packing": NOT_HERE,
    "train.neftune_alpha": NOT_HERE,
    "train.shuffle": EXACT,
    "train.padding_multiple": EXACT,
    "train.seed": EXACT,
    "train.lora.rank": EXACT,
    "train.lora.alpha": EXACT,
    "train.lora.dropout": EXACT,
    "train.lora.targets": EXACT,
    "train.lora.rslora": EXACT,
    "train.lora.dora": NOT_HERE,
    "train.lora.init": EXACT,
    "train.lora.plus_ratio": NOT_HERE,
    "train.freeze.last_layers": NOT_HERE,
    "train.prompt.virtual_tokens": NOT_HERE,
    "train.validation.every_steps": EXACT,
    "train.validation.patience": EXACT,
    "train.validation.load_best": EXACT,
    "train.checkpoints.every_steps": EXACT,
    "train.checkpoints.keep": EXACT,
    "export.formats": NOT_HERE,
    "export.formats=adapter": EXACT,
    "launch.device": EXACT,
    "launch.processes": EXACT,
    "launch.nodes": EXACT,
    "launch.strategy": NOT_HERE,
    "launch.threads": EXACT,
}


@hookimpl
def ft_backends():
    """Declare the backend, in the variant that ``FT_TOY`` names."""
    variant = os.environ.get("FT_TOY", "")
    evaluates = variant.endswith("Answers")
    yield BackendSpec(
        name="toy",
        summary="Learns answers by heart",
        hook_api=HOOK_API,
        version="0.1.0",
        package=PACKAGE,
        environment=EnvironmentSpec(
            name="toy",
            version="0.1.0",
            lock=PACKAGE / "locks" / "lock.txt",
            torch="",
            requires_python=">=3.11",
            imports=("json", "pyarrow"),
        ),
        trainer=f"ft_toy.misbehaving:{variant}"
        if variant and not evaluates
        else "ft_toy.worker:ToyTrainer",
        evaluator=f"ft_toy.misbehaving:{variant}" if evaluates else "ft_toy.worker:ToyEvaluator",
        exporter="ft_toy.worker:ToyExporter",
        capabilities=CAPABILITIES,
    )
