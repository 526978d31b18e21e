"""The plain loop as a backend of its own, in the environment of another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ftcore.backends import EXACT, BackendSpec, Capability

PLAIN = "plain"
TRAINER = "ftcore.worker.plain_loop:PlainTrainer"

DONE = (
    *("model.dtype", "model.attention", "model.trust_remote_code"),
    *("train.method=lora", "train.method=full", "train.method=freeze", "train.freeze.last_layers"),
    *("train.loss=standard", "train.epochs", "train.max_steps", "train.batch_size"),
    *("train.accumulation", "train.learning_rate", "train.warmup_ratio", "train.warmup_steps"),
    *("train.scheduler=constant", "train.scheduler=linear", "train.scheduler=cosine"),
    *("train.optimizer=adamw", "train.beta1", "train.beta2", "train.epsilon"),
    *("train.weight_decay", "train.max_grad_norm", "train.precision=fp32", "train.precision=bf16"),
    *("train.gradient_checkpointing", "train.shuffle", "train.padding_multiple", "train.seed"),
    *("train.lora.rank", "train.lora.alpha", "train.lora.dropout=0.0", "train.lora.targets"),
    *("train.lora.rslora", "train.lora.dora", "train.lora.init=default"),
    *(
        "train.checkpoints.keep",
        "launch.device",
        "launch.processes=1",
        "launch.nodes=1",
        "launch.threads",
    ),
)
CAPABILITIES: Mapping[str, Capability] = dict.fromkeys(DONE, EXACT)


def plain_spec(host: BackendSpec) -> BackendSpec:
    """Return the plain loop as a backend that runs in the environment of ``host``."""
    return replace(
        host,
        name=PLAIN,
        summary="a training loop of a page, without an engine",
        trainer=TRAINER,
        capabilities=CAPABILITIES,
    )
