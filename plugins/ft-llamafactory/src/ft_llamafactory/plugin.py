"""The declaration of the LLaMA-Factory backend; imports nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ftcore.backends import BackendSpec, Capability, EnvironmentSpec
from ftcore.hookspecs import HOOK_API, hookimpl
from ftcore.transformers_backend import TRANSFORMERS_TRAINER

VERSION = "0.1.0"
PACKAGE = Path(__file__).parent

CAPABILITIES = {
    **TRANSFORMERS_TRAINER,
    "train.loss=engine": Capability(
        "unsupported", "LLaMA-Factory computes the standard loss and has no other"
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
        capabilities=CAPABILITIES,
    )
